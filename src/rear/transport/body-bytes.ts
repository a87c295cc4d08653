/** The body of an answer as one piece, for who cannot send parts. */
import type { RearResponse } from './transport.ts'

export function bodyBytes(body: RearResponse['body']): Buffer {
  if (body === undefined || typeof body === 'string') return Buffer.from(body ?? '')
  return Buffer.isBuffer(body) ? body : Buffer.concat(body)
}
