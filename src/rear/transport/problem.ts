/**
 * The few problem documents (RFC 9457) that a transport answers by itself.
 */
import type { TransportLimits } from './limits.ts'
import type { Admission, RearResponse } from './transport.ts'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  408: 'Request timeout',
  413: 'Content too large',
  429: 'Too many requests',
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

/** The answer to who has us keep too much. */
export function tooMany(): RearResponse {
  const { status, headers, body } = problem(429, 'too-many-requests', 'too much is asked for at a time')
  return { status, headers: { ...headers, 'retry-after': '1' }, body }
}

/** What becomes of heads where nobody decides about them. */
export function admitAll({ maxRequestBytes }: Pick<TransportLimits, 'maxRequestBytes'>): Admission {
  const detail = `a request body may have ${maxRequestBytes} bytes at most`
  return {
    maxBodyBytes: maxRequestBytes,
    tooLarge: () => problem(413, 'too-large', detail),
    isStranger: false,
  }
}
