/** The body of an answer as one piece, for who cannot send parts. */
import type { RearResponse } from './transport.ts'

export function bodyBytes(body: RearResponse['body']): Buffer {
  if (body === undefined || typeof body === 'string') return Buffer.from(body ?? '')
  return Buffer.isBuffer(body) ? body : Buffer.concat(body)
}

/** @returns how many bytes the body has */
export function sizeOf(body: RearResponse['body']): number {
  if (body === undefined) return 0
  if (typeof body === 'string') return Buffer.byteLength(body)
  return Buffer.isBuffer(body) ? body.length : body.reduce((sum, { length }) => sum + length, 0)
}
