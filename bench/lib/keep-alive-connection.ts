/**
 * A client's side of one kept-alive HTTPS connection, one request at a time, doing as little as possible:
 * on a small machine the client's work must not hide the server's.
 *
 * Understands what it needs of HTTP/1.1: answers with a `content-length`.
 */
import { connect, type TLSSocket } from 'node:tls'
import type { Identity } from '../../src/privacy-and-security-manager/index.ts'

const HEAD_END = Buffer.from('\r\n\r\n')

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
}

export class KeepAliveConnection {
  readonly #socket: TLSSocket
  #waiting: PromiseWithResolvers<HttpAnswer> | undefined
  #chunks: Buffer[] = []
  #size = 0
  /** Length of head and body together, known when the head is here. */
  #expected = Number.POSITIVE_INFINITY
  #bodyStart = 0
  #status = 0

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('close', () => this.#waiting?.reject(new Error('the connection was closed')))
    socket.on('error', (error) => this.#waiting?.reject(error))
  }

  /**
   * Opens a connection, showing the client's certificate.
   * @param from the address of the client; any unless given
   */
  static open(port: number, identity: Identity, from?: string): Promise<KeepAliveConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        {
          host: '127.0.0.1',
          port,
          ...(from === undefined ? {} : { localAddress: from }),
          cert: identity.certificate,
          key: identity.privateKey,
          minVersion: 'TLSv1.3',
          ALPNProtocols: ['http/1.1'],
          // Certificates are self-signed; who serves is not what is measured.
          rejectUnauthorized: false,
        },
        () => {
          socket.setNoDelay(true)
          socket.off('error', reject)
          resolve(new KeepAliveConnection(socket))
        },
      )
      socket.once('error', reject)
    })
  }

  /** @returns the bytes of a GET, made once for many requests */
  static get(path: string): Buffer {
    return KeepAliveConnection.request('GET', path)
  }

  /** @returns the bytes of a request, made once for many */
  static request(method: string, path: string, body?: unknown): Buffer {
    if (body === undefined) return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
    const json = JSON.stringify(body)
    const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}`
    return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${head}\r\n\r\n${json}`)
  }

  /** Whether the server, or `close`, has ended it. */
  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded
  }

  /** @returns the answer; rejects when the connection ends before it */
  send(request: Buffer): Promise<HttpAnswer> {
    const waiting = (this.#waiting = Promise.withResolvers<HttpAnswer>())
    if (this.closed) waiting.reject(new Error('the connection is closed'))
    else this.#socket.write(request)
    return waiting.promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#bodyStart === 0) this.#readHead()
    if (this.#size < this.#expected) return
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size)
    const answer = { status: this.#status, body: whole.subarray(this.#bodyStart, this.#expected) }
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#chunks = []
    this.#size = 0
    this.#expected = Number.POSITIVE_INFINITY
    this.#bodyStart = 0
    waiting?.resolve(answer)
  }

  #readHead(): void {
    const head = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const end = head.indexOf(HEAD_END)
    if (end < 0) return
    const text = head.toString('latin1', 0, end)
    this.#status = Number(text.slice(9, 12))
    this.#bodyStart = end + HEAD_END.length
    this.#expected = this.#bodyStart + Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0)
  }
}
