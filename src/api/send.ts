/** From what a handler returns, or throws, to an HTTP answer. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../kernel/log.ts'
import type { ApiContext, ApiResponse } from './context.ts'
import type { ExtraResponse } from './extra-route.ts'
import { asApiError, statusOf } from './status.ts'
import { sendChunks } from './streaming.ts'

/** @returns the path of a request, without its query */
export function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '/').replace(/[?#].*$/s, '')
}

export function extraResponse({ status, headers = {}, body }: ExtraResponse): ApiResponse {
  const isText = typeof body === 'string'
  const isRaw = isText || Buffer.isBuffer(body) || Symbol.asyncIterator in body
  const given = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')
  const contentType =
    given?.[1] ??
    (isText ? 'text/plain; charset=utf-8' : isRaw ? 'application/octet-stream' : 'application/json')
  const rest = Object.fromEntries(Object.entries(headers).filter((entry) => entry !== given))
  return {
    status,
    contentType,
    headers: rest,
    body: isRaw ? (body as ApiResponse['body']) : JSON.stringify(body),
  }
}

/** @param signal ends a long answer */
export async function send(
  { status, contentType, headers = {}, body }: ApiResponse,
  request: FastifyRequest,
  reply: FastifyReply,
  { system, log }: ApiContext,
  signal: AbortSignal,
): Promise<void> {
  reply.code(status).header('content-type', contentType).header('cache-control', 'no-cache, private')
  reply.header('x-content-type-options', 'nosniff').header('vary', 'Accept')
  for (const [name, value] of Object.entries(headers)) reply.header(name, value as string | string[])
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    // As bytes, for fastify adds a charset to the media type of texts, and Kubernetes' clients compare it.
    await reply.send(Buffer.from(body as string))
    return
  }
  if (request.method === 'HEAD') {
    await body[Symbol.asyncIterator]().return?.()
    await reply.send()
    return
  }
  reply.hijack()
  reply.raw.writeHead(status, reply.getHeaders() as Record<string, string | string[]>)
  try {
    await sendChunks(reply.raw, body, system.clock, signal)
  } catch (error) {
    log.warn({ err: error, path: pathOf(request) }, 'an answer was cut short')
  }
}

/** Answers with a Kubernetes `Status`. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const answer = asApiError(error)
  if (answer.code >= 500)
    log.error({ err: error, method: request.method, path: pathOf(request) }, 'a request failed')
  const retryAfter = answer.details?.retryAfterSeconds
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  if (answer.code === 401) reply.header('www-authenticate', 'Bearer')
  reply
    .code(answer.code)
    .header('content-type', 'application/json')
    .header('x-content-type-options', 'nosniff')
  void reply.send(Buffer.from(JSON.stringify(statusOf(answer))))
}
