/** Endpoints of the control API that are no objects: what the composition root contributes, and tokens. */
import type { Caller } from './access/caller.ts'
import type { RouteAccess } from './access/authorize.ts'

/** What the handler of an extra route is given. */
export interface ExtraRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Decoded if it is JSON or YAML, else as it came; undefined when there is none. */
  readonly body: unknown
  readonly caller: Caller
  /** Aborts when the client is gone, its token counts no more, or the server stops. */
  readonly signal: AbortSignal
}

/** What the handler of an extra route answers. */
export interface ExtraResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON; an iterable as it comes. */
  readonly body: string | Buffer | object | AsyncIterable<Buffer | string>
}

/** `path` in fastify's syntax, for example `/tributary/v1/traces/:intent`. */
export interface ExtraRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Who may; what does something is the admin's. Everybody else is answered 403. */
  readonly access: RouteAccess
  readonly handler: (request: ExtraRequest) => Promise<ExtraResponse>
}
