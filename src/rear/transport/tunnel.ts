/**
 * An HTTP/2 stream as an ordinary Duplex: half-close both ways, back-pressure, and resets that cannot be mistaken
 * for an end (Node's own streams end quietly when they are cancelled; a cut transfer would look complete).
 */
import { constants, type Http2Session, type Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { TransportError } from './transport-error.ts'

/** Bytes buffered on each side of the tunnel, on top of the stream's window. */
const BUFFER_BYTES = 64 << 10

export class Tunnel extends Duplex {
  readonly #inner: Http2Stream
  /** A stream forgets its session when it closes. */
  readonly #session: Http2Session | undefined
  readonly #peer: string
  #touched: (() => void) | undefined

  /**
   * @param inner the HTTP/2 stream, not read from or written to by anybody else
   * @param peer whom to name in errors
   * @param onFirstUse called once, before the first read or write
   */
  constructor(inner: Http2Stream, peer: string, onFirstUse?: () => void) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES, allowHalfOpen: true })
    this.#inner = inner
    this.#session = inner.session
    this.#peer = peer
    this.#touched = onFirstUse
    // Whoever owns the tunnel may not have got to listening yet; `close` tells in any case.
    this.on('error', () => undefined)
    inner.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause()
    })
    inner.pause()
    inner.on('end', () => {
      if (this.#isReset()) this.#reset()
      else this.push(null)
    })
    inner.on('error', () => undefined) // `close` follows
    inner.on('close', () => {
      if (!this.#isComplete()) this.#reset(this.#inner.errored ?? undefined)
    })
  }

  override _read(): void {
    this.#use()
    this.#inner.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#use()
    if (this.#inner.write(chunk)) done()
    else this.#inner.once('drain', done) // if it never comes, `close` does and destroys
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#use()
    this.#inner.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#touched = undefined
    // Not `close()`: that would first end the writing side, and the other end would take what it has for all.
    if (!this.#isComplete()) this.#inner.destroy(error ?? new Error('the stream was reset'))
    this.#inner.resume() // what is left unread must not keep it open
    done(error)
  }

  #use(): void {
    const touched = this.#touched
    this.#touched = undefined
    touched?.()
  }

  #isReset(): boolean {
    return this.#inner.rstCode !== constants.NGHTTP2_NO_ERROR || this.#inner.aborted
  }

  /** Both directions came to their proper end. */
  #isComplete(): boolean {
    return this.#inner.readableEnded && this.#inner.writableFinished && !this.#isReset()
  }

  #reset(cause?: Error): void {
    if (this.destroyed) return
    const lost = this.#session === undefined || this.#session.destroyed || this.#session.socket.destroyed
    this.destroy(
      lost
        ? new TransportError('unreachable', `the connection with ${this.#peer} was lost`, { cause })
        : new TransportError('aborted', `the stream was reset by ${this.#peer}`, { cause }),
    )
  }
}
