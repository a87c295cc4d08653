/** How patient the servers of the control API are, and how they end. */
import type { Server } from 'node:http'

/** A request must be complete by then; only the answer may take as long as it likes. */
export const LIMITS = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 72_000 } as const

/** Ends what is under way, too. */
export function closeServer(
  server: Pick<Server, 'close' | 'closeAllConnections' | 'listening'>,
): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
