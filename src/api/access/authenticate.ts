/** From a request to who sent it. */
import type { IncomingMessage } from 'node:http'
import { ApiError } from '../status.ts'
import { OWNER, type Caller } from './caller.ts'

/** Looks a token up; undefined when it does not count. */
export type TokenLookup = (token: string) => Promise<Caller | undefined>

/**
 * @param request `local` when it came through the socket, where the file system has asked already
 * @throws ApiError `Unauthorized`, whatever is wrong: a stranger learns nothing of what there is
 */
export async function authenticate(
  request: { readonly local: boolean; readonly headers: IncomingMessage['headers'] },
  lookUp: TokenLookup,
): Promise<Caller> {
  if (request.local) return OWNER
  const [, token] = /^Bearer +([^ ]{1,400}) *$/i.exec(request.headers.authorization ?? '') ?? []
  const caller = token === undefined ? undefined : await lookUp(token)
  if (caller !== undefined) return caller
  throw new ApiError('Unauthorized', 'Unauthorized')
}
