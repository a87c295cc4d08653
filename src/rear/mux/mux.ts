/**
 * Many streams over one byte stream, opened by one side.
 *
 * It always reads, so two ends that flood each other never come to a standstill; what it holds in memory is
 * bounded by the credit of each stream. Why not HTTP/2: docs/decisions/0007.
 */
import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '../../kernel/system.ts'
import { TransportError } from '../transport/transport-error.ts'
import {
  encodeHeader,
  FRAME,
  type Frame,
  FrameError,
  FrameReader,
  type FrameType,
  MAX_PAYLOAD_BYTES,
} from './frame.ts'
import { type MuxCarrier, MuxStream, parseHead, StreamNotTaken } from './mux-stream.ts'

export interface MuxOptions {
  readonly clock: Clock
  /** Whom to name in errors. */
  readonly peer: string
  /** Open streams at a time; more are refused. */
  readonly maxStreams: number
  /** How often the other end is asked whether it lives while streams are open, in milliseconds. */
  readonly pingIntervalMs: number
  /** A session is ended when it has had no stream, and nothing has come, for this time, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Takes the streams that the other side opens; none are taken unless given. */
  readonly onOpen?: (head: unknown, accept: AcceptStream, headBytes: number) => void
  /** Told how long it took to handle what came, in milliseconds. */
  readonly onReceived?: (ms: number) => void
  /** Told once, when nothing comes or goes any more. */
  readonly onClose: (error: Error | undefined) => void
}

/** @returns the stream that was opened; `answer` must be sent before anything else */
export type AcceptStream = (onFirstUse?: () => void) => {
  readonly stream: MuxStream
  answer(head: unknown): void
}

/** Pings that may go unanswered before the other end counts as dead. */
const MISSED_PINGS = 2
/** What may wait to be sent beyond what the streams' credit explains; a peer that does not read is cut off. */
const MAX_WAITING_BYTES = 8 << 20
/** What all windows of a session together may grow. */
const GROWTH_BYTES = 32 << 20

export class Mux {
  readonly #carrier: Duplex
  readonly #options: MuxOptions
  readonly #streams = new Map<number, MuxStream>()
  /** Streams that have something to send and credit for it, in the order in which they get their turn. */
  readonly #waiting = new Set<MuxStream>()
  readonly #reader = new FrameReader()
  readonly #port: MuxCarrier
  #maxStreams: number
  #lastStream = 0
  #growth = 0
  #closed = false
  #ending = false
  #blocked = false
  #missedPings = 0
  #pulse: Timer | undefined
  #idle: Timer | undefined

  /** @param carrier belongs to the multiplexer from now on */
  constructor(carrier: Duplex, options: MuxOptions) {
    this.#carrier = carrier
    this.#options = options
    this.#maxStreams = options.maxStreams
    this.#port = {
      peer: options.peer,
      send: (type, stream, payload) => this.#send(type, stream, payload),
      forget: (stream) => this.#forget(stream),
      claim: (bytes) => this.#claim(bytes),
      mayWrite: (stream) => {
        if (this.#blocked) this.#waiting.add(stream)
        return !this.#blocked
      },
    }
    carrier.on('error', (error: Error) => this.close(error))
    carrier.once('close', () => this.close())
    carrier.once('end', () => this.close())
    carrier.on('drain', () => this.#drained())
    carrier.on('data', (chunk: Buffer) => this.#received(chunk))
    this.#rest()
  }

  /** Whether streams can be opened. */
  get usable(): boolean {
    return !this.#closed && this.#streams.size < this.#maxStreams
  }

  /**
   * Opens a stream; bytes may be sent at once, but are lost if the other side refuses.
   * @param head what it is for; must be JSON
   * @param onHead called with the answer
   * @throws TransportError when the session cannot take it (`StreamNotTaken`), or nobody could (`too-large`)
   */
  open(head: unknown, onHead: (head: unknown) => void): MuxStream {
    const { peer } = this.#options
    if (!this.usable) throw new StreamNotTaken('unreachable', `the session with ${peer} is over or full`)
    const payload = Buffer.from(JSON.stringify(head))
    if (payload.length > MAX_PAYLOAD_BYTES)
      throw new TransportError('too-large', `what ${peer} is asked for is too long`)
    const id = ++this.#lastStream
    const stream = this.#add(new MuxStream(id, this.#port, { onHead }))
    this.#send(FRAME.open, id, payload)
    return stream
  }

  /** Refuses new streams, and ends the session when the last one has ended; idempotent. */
  end(): void {
    this.#ending = true
    if (this.#streams.size === 0) this.#carrier.end()
  }

  /** Cuts everything; idempotent. */
  close(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#pulse?.cancel()
    this.#idle?.cancel()
    const { peer, onClose } = this.#options
    const why =
      error instanceof TransportError
        ? error
        : new TransportError('unreachable', `the connection with ${peer} was lost`, { cause: error })
    for (const stream of [...this.#streams.values()]) stream.cut(why)
    this.#carrier.destroy()
    onClose(error)
  }

  #add(stream: MuxStream): MuxStream {
    this.#streams.set(stream.id, stream)
    if (this.#streams.size === 1) {
      this.#idle?.cancel()
      this.#missedPings = 0
      this.#beat()
    }
    return stream
  }

  #forget(stream: MuxStream): void {
    this.#waiting.delete(stream)
    if (!this.#streams.delete(stream.id) || this.#streams.size > 0 || this.#closed) return
    if (this.#ending) this.#carrier.end()
    else this.#rest()
  }

  #claim(bytes: number): boolean {
    if (this.#growth + bytes > GROWTH_BYTES) return false
    this.#growth += bytes
    return true
  }

  #rest(): void {
    this.#pulse?.cancel()
    this.#idle?.cancel()
    this.#idle = this.#options.clock.after(this.#options.idleTimeoutMs, () => this.close())
  }

  #beat(): void {
    this.#pulse?.cancel()
    this.#pulse = this.#options.clock.after(this.#options.pingIntervalMs, () => {
      if (this.#missedPings >= MISSED_PINGS) {
        this.close(new TransportError('unreachable', `${this.#options.peer} does not answer any more`))
        return
      }
      this.#missedPings++
      this.#send(FRAME.ping, 0)
      this.#beat()
    })
  }

  #send(type: FrameType, stream: number, payload?: Uint8Array): void {
    const carrier = this.#carrier
    if (this.#closed || carrier.writableEnded) return
    // All that is sent in one turn goes out in one piece.
    if (carrier.writableCorked === 0) {
      carrier.cork()
      process.nextTick(() => carrier.uncork())
    }
    let writable = carrier.write(encodeHeader(type, stream, payload?.length ?? 0))
    if (payload && payload.length > 0) writable = carrier.write(payload)
    if (!writable) this.#blocked = true
    if (carrier.writableLength > MAX_WAITING_BYTES) {
      this.close(new TransportError('aborted', `${this.#options.peer} does not read`))
    }
  }

  #drained(): void {
    this.#blocked = false
    for (const stream of this.#waiting) {
      // Whoever did not get through has put itself at the end.
      if (this.#blocked) return
      this.#waiting.delete(stream)
      stream.resumeWriting()
    }
  }

  #received(chunk: Buffer): void {
    const { clock, onReceived } = this.#options
    const start = onReceived === undefined ? 0 : clock.monotonic()
    this.#handleAll(chunk)
    onReceived?.(clock.monotonic() - start)
  }

  #handleAll(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.read(chunk)) {
        if (this.#closed) return
        this.#handle(frame)
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      const { peer } = this.#options
      this.close(
        new TransportError('protocol', `${peer} violated the stream protocol: ${error.message}`, {
          cause: error,
        }),
      )
    }
  }

  #handle(frame: Frame): void {
    this.#missedPings = 0
    switch (frame.type) {
      case FRAME.ping:
        this.#send(FRAME.pong, 0)
        // The other side has streams that are over for us: it must not find the session gone for its next one.
        if (this.#streams.size === 0) this.#rest()
        return
      case FRAME.pong:
        return
      case FRAME.open:
        this.#opened(frame)
        return
      default: {
        const stream = this.#streams.get(frame.stream)
        // It will not take more than it has now.
        if (frame.type === FRAME.refuse && stream)
          this.#maxStreams = Math.min(this.#maxStreams, this.#streams.size - 1)
        if (stream) stream.receive(frame)
        // What was on its way while we ended the stream is nobody's any more.
        else if (frame.stream === 0 || frame.stream > this.#lastStream) {
          throw new FrameError(`there is no stream ${frame.stream}`)
        }
      }
    }
  }

  #opened({ stream: id, payload }: Frame): void {
    const { onOpen } = this.#options
    if (!onOpen) throw new FrameError('only the other side opens streams')
    if (id <= this.#lastStream) throw new FrameError('a stream was opened twice')
    this.#lastStream = id
    const head = parseHead(payload)
    if (this.#streams.size >= this.#maxStreams || this.#ending) {
      this.#send(FRAME.refuse, id)
      return
    }
    const accept: AcceptStream = (onFirstUse) => {
      const stream = this.#add(new MuxStream(id, this.#port, onFirstUse ? { onFirstUse } : {}))
      return {
        stream,
        answer: (answer) => {
          if (stream.destroyed) return
          const bytes = Buffer.from(JSON.stringify(answer))
          if (bytes.length <= MAX_PAYLOAD_BYTES) this.#send(FRAME.head, id, bytes)
          else stream.destroy(new TransportError('too-large', 'the answer has too long a head'))
        },
      }
    }
    onOpen(head, accept, payload.length)
  }
}
