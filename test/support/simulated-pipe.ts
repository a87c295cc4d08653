/**
 * Two Duplexes joined in memory like the two ends of a network stream: bytes take their time, arrive in order,
 * a slow reader holds up the writer, each direction ends by itself, a reset reaches the other end as an error.
 */
import { Duplex } from 'node:stream'
import { TransportError } from '../../src/rear/transport/index.ts'
import type { Clock } from '../../src/kernel/system.ts'

/** Bytes that may be on their way, unread. */
const WINDOW_BYTES = 256 << 10
const BUFFER_BYTES = 64 << 10

export class SimulatedPipeEnd extends Duplex {
  readonly #clock: Clock
  readonly #latencyMs: () => number
  readonly #onFirstUse: (() => void) | undefined
  #other!: SimulatedPipeEnd
  #used = false
  /** What was sent and has not arrived, in order. */
  readonly #onItsWay: (() => void)[] = []
  /** Bytes that the other end has not read yet. */
  #unread = 0
  #blocked: (() => void) | undefined
  /** Bytes that wait here for a reader. */
  #held = 0

  /** @param latencyMs milliseconds one way, asked for each chunk */
  constructor(options: { clock: Clock; latencyMs: () => number; onFirstUse?: () => void }) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES, allowHalfOpen: true })
    this.#clock = options.clock
    this.#latencyMs = options.latencyMs
    this.#onFirstUse = options.onFirstUse
    this.on('error', () => undefined)
  }

  static join(a: SimulatedPipeEnd, b: SimulatedPipeEnd): void {
    a.#other = b
    b.#other = a
  }

  /** Both ends lose the connection, at once. */
  cut(): void {
    for (const end of [this, this.#other]) {
      if (!end.#isComplete()) end.destroy(new TransportError('unreachable', 'the connection was lost'))
    }
  }

  override _read(): void {
    this.#use()
    const consumed = this.#held
    this.#held = 0
    if (consumed > 0) this.#other.#consumed(consumed)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#use()
    const copy = Buffer.from(chunk)
    this.#unread += copy.length
    this.#send(() => this.#other.#receive(copy))
    if (this.#unread < WINDOW_BYTES) done()
    else this.#blocked = done
  }

  override _final(done: () => void): void {
    this.#use()
    this.#send(() => {
      if (!this.#other.destroyed) this.#other.push(null)
    })
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isComplete()) {
      const other = this.#other
      this.#send(() => {
        if (!other.destroyed && !other.#isComplete()) {
          other.destroy(new TransportError('aborted', 'the stream was reset by the peer'))
        }
      })
    }
    done(error)
  }

  #isComplete(): boolean {
    return this.readableEnded && this.writableFinished
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return
    this.#held += chunk.length
    if (this.push(chunk)) this._read()
  }

  #consumed(bytes: number): void {
    this.#unread -= bytes
    if (this.#unread >= WINDOW_BYTES) return
    const blocked = this.#blocked
    this.#blocked = undefined
    blocked?.()
  }

  #send(arrive: () => void): void {
    const latency = this.#latencyMs()
    this.#onItsWay.push(arrive)
    const next = (): void => this.#onItsWay.shift()?.()
    if (latency > 0) this.#clock.after(latency, next)
    else queueMicrotask(next)
  }

  #use(): void {
    if (this.#used) return
    this.#used = true
    this.#onFirstUse?.()
  }
}
