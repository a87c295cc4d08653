/**
 * A client of the control API, through its socket or HTTPS: requests, streams of lines, errors as the API words them.
 *
 * On node:http: the command line is started often, and this is what costs no time to load.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import { CliError, EXIT } from './cli-error.ts'

export interface StatusCause {
  readonly field?: string
  readonly message: string
  readonly reason?: string
}

/** A `Status` object of the API, as an error. */
export class ApiStatusError extends CliError {
  override readonly name = 'ApiStatusError'
  /** HTTP status. */
  readonly code: number
  /** Kubernetes' reason, for example `NotFound`. */
  readonly reason: string
  readonly causes: readonly StatusCause[]

  constructor(code: number, reason: string, message: string, causes: readonly StatusCause[] = []) {
    super(message, code === 404 ? EXIT.notFound : EXIT.error)
    this.code = code
    this.reason = reason
    this.causes = causes
  }
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly accept?: string
  readonly contentType?: string
  /** Sent as JSON unless it is text. */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly text: string
  /** Texts of the `Warning` headers. */
  readonly warnings: readonly string[]
}

export interface ControlClientOptions {
  /** For example `https://127.0.0.1:7080`, or `unix:/path/of/control.sock`. */
  readonly url: string
  /** Sent with each request; none through a socket, which asks for nothing. */
  readonly token?: string
  /** PEM: whom to trust besides those whom Node trusts. */
  readonly authority?: string
  /** What to tell the user when nobody answers there; one or more lines. */
  readonly unreachable: (reason: string) => string
  /** Aborts every request. */
  readonly signal?: AbortSignal
}

/** Until the first byte of an answer; a stream may then be silent for as long as it likes. */
const ANSWER_WITHIN_MS = 30_000

export class ControlClient {
  readonly place: Place
  readonly #options: ControlClientOptions
  readonly #agent: HttpAgent

  constructor(options: ControlClientOptions) {
    this.#options = options
    this.place = placeOf(options.url)
    const { socketPath } = this.place
    const agentOptions = { keepAlive: true, maxSockets: 8 }
    this.#agent =
      socketPath === undefined
        ? new HttpsAgent({
            ...agentOptions,
            ...(options.authority === undefined ? {} : { ca: options.authority }),
          })
        : new HttpAgent(agentOptions)
  }

  /**
   * @returns the answer, whatever its media type
   * @throws ApiStatusError when the API refuses; CliError when it cannot be reached
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.#send(method, path, options)
    const text = await textOf(response).catch((error: unknown) => {
      throw this.#unreachable(error)
    })
    const status = response.statusCode ?? 0
    if (status >= 400) throw statusError(status, text, method, path)
    return { status, text, warnings: warningsOf(response.headers['warning']) }
  }

  /** As `request`, with the answer decoded. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { text } = await this.request(method, path, options)
    return decode(text, path) as T
  }

  get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.json<T>('GET', path, options)
  }

  /** @returns the answer in pieces as they come */
  async *chunks(path: string, options: RequestOptions = {}): AsyncGenerator<Buffer> {
    const response = await this.#send('GET', path, options)
    if ((response.statusCode ?? 0) >= 400) {
      throw statusError(response.statusCode ?? 0, await textOf(response), 'GET', path)
    }
    try {
      yield* response as AsyncIterable<Buffer>
    } catch (error) {
      if (this.#aborted(options)) return
      throw this.#unreachable(error)
    } finally {
      response.destroy()
    }
  }

  /** @returns the lines of a stream, each decoded; ends when the server ends it or the signal aborts */
  async *lines<T>(path: string, options: RequestOptions = {}): AsyncGenerator<T> {
    const response = await this.#send('GET', path, options)
    if ((response.statusCode ?? 0) >= 400) {
      throw statusError(response.statusCode ?? 0, await textOf(response), 'GET', path)
    }
    let broken: unknown
    response.once('error', (error) => (broken = error))
    const lines = createInterface({ input: response, crlfDelay: Infinity })
    try {
      for await (const line of lines) if (line !== '') yield decode(line, path) as T
      if (broken !== undefined && !this.#aborted(options)) throw this.#unreachable(broken)
    } finally {
      lines.close()
      response.destroy()
    }
  }

  /** Frees the connections. */
  close(): void {
    this.#agent.destroy()
  }

  #aborted({ signal }: RequestOptions): boolean {
    return signal?.aborted === true || this.#options.signal?.aborted === true
  }

  #send(method: string, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const { query = {}, accept = 'application/json', body } = options
    const url = new URL(path, this.place.url)
    const { token } = this.#options
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '' && value !== false) url.searchParams.set(name, String(value))
    }
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const signals = [options.signal, this.#options.signal].filter((signal) => signal !== undefined)
    return new Promise((resolve, reject) => {
      const outgoing = (this.place.socketPath === undefined ? httpsRequest : httpRequest)(
        url,
        {
          method,
          agent: this.#agent,
          ...(this.place.socketPath === undefined ? {} : { socketPath: this.place.socketPath }),
          timeout: ANSWER_WITHIN_MS,
          ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
          headers: {
            accept,
            'user-agent': 'tributary',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(payload === undefined
              ? {}
              : {
                  'content-type': options.contentType ?? 'application/json',
                  'content-length': Buffer.byteLength(payload),
                }),
          },
        },
        (incoming) => {
          outgoing.setTimeout(0)
          resolve(incoming)
        },
      )
      outgoing.once('timeout', () => {
        outgoing.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`))
      })
      outgoing.once('error', (error) => {
        reject(this.#aborted(options) ? error : this.#unreachable(error))
      })
      outgoing.end(payload)
    })
  }

  #unreachable(error: unknown): CliError {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ECONNREFUSED' || code === 'ENOENT'
        ? 'nobody listens there'
        : code === 'ECONNRESET' || message === 'aborted'
          ? 'the connection was cut'
          : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
            ? `there is no host ${this.place.url.hostname}`
            : isUntrusted(code)
              ? `its certificate is not trusted (${code}); name who issued it with --certificate-authority`
              : message || String(code)
    return new CliError(this.#options.unreachable(reason), EXIT.unreachable, { cause: error })
  }
}

function isUntrusted(code: string | undefined): boolean {
  return /^(DEPTH_ZERO_)?SELF_SIGNED_CERT|^UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)/.test(code ?? '')
}

/** Where the API is. */
interface Place {
  /** Of requests; the host of a socket has no meaning. */
  readonly url: URL
  readonly socketPath?: string
}

/** @returns how `--server` names a socket */
export const socketUrl = (path: string): string => `unix:${path}`

function placeOf(text: string): Place {
  const [, socketPath] = /^unix:(?:\/\/)?(\/.+)$/.exec(text) ?? []
  if (socketPath !== undefined) return { url: new URL('http://localhost'), socketPath }
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (url?.protocol === 'https:') return { url }
  throw new CliError(
    `not the URL of a control API: ${text}; want https://HOST:PORT or unix:/PATH`,
    EXIT.usage,
  )
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function decode(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliError(`what answers at ${path} is not a control API: its answer is not JSON`, EXIT.error, {
      cause,
    })
  }
}

function statusError(code: number, text: string, method: string, path: string): ApiStatusError {
  let status: Record<string, unknown> = {}
  try {
    status = JSON.parse(text) as Record<string, unknown>
  } catch {
    // Not an answer of the API; the status code has to do.
  }
  const textAt = (member: string): string | undefined => {
    const value = status[member]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const said = textAt('message') ?? textAt('detail') ?? `${method} ${path} was answered with status ${code}`
  const details = status['details'] as { causes?: readonly StatusCause[] } | undefined
  return new ApiStatusError(code, textAt('reason') ?? '', said, details?.causes ?? [])
}

/** `299 - "text"`, perhaps several, as Kubernetes sends them. */
function warningsOf(header: string | undefined): readonly string[] {
  return [...(header ?? '').matchAll(/299 [^"]*"((?:[^"\\]|\\.)*)"/g)].map((match) =>
    match[1]!.replaceAll(/\\(.)/g, '$1'),
  )
}
