/**
 * The few problem documents (RFC 9457) that a transport answers by itself.
 */
import type { RearResponse } from './transport.ts'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  408: 'Request timeout',
  413: 'Content too large',
  500: 'Internal error',
  501: 'Not implemented',
}

/**
 * @param code stable, for programs
 * @param detail for people; shown to the caller
 */
export function problem(status: number, code: string, detail: string): RearResponse {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', title: TITLES[status] ?? 'Refused', status, detail, code }),
  }
}
