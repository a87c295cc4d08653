/**
 * Many streams over one byte stream, opened by one side.
 *
 * Why not HTTP/2: Node's implementation stops to read while it writes, so two ends that flood each other
 * come to a standstill, and over anything but a plain socket it can abort the process. This one always
 * reads; what it holds in memory is bounded by the credit of each stream.
 */
import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '../../kernel/system.ts'
import { TransportError } from '../../rear/transport/index.ts'
import { encodeHeader, FRAME, type Frame, FrameError, FrameReader, type FrameType } from './frame.ts'
import { type MuxCarrier, MuxStream, parseHead } from './mux-stream.ts'

export interface MuxOptions {
  readonly clock: Clock
  /** Whom to name in errors. */
  readonly peer: string
  /** Open streams at a time; more are reset. */
  readonly maxStreams: number
  /** How often the other end is asked whether it lives while streams are open, in milliseconds. */
  readonly pingIntervalMs: number
  /** The opening side ends a session without streams after this time, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Takes the streams that the other side opens; none are taken unless given. */
  readonly onOpen?: (head: unknown, accept: AcceptStream) => void
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
  readonly #reader = new FrameReader()
  readonly #port: MuxCarrier
  #lastStream = 0
  #growth = 0
  #closed = false
  #blocked = false
  #missedPings = 0
  #pulse: Timer | undefined
  #idle: Timer | undefined

  /** @param carrier belongs to the multiplexer from now on */
  constructor(carrier: Duplex, options: MuxOptions) {
    this.#carrier = carrier
    this.#options = options
    const writable = (): boolean => !this.#blocked
    this.#port = {
      peer: options.peer,
      send: (type, stream, payload) => this.#send(type, stream, payload),
      forget: (stream) => this.#forget(stream),
      claim: (bytes) => this.#claim(bytes),
      get writable() {
        return writable()
      },
    }
    carrier.on('error', (error: Error) => this.#fail(error))
    carrier.once('close', () => this.#fail())
    carrier.once('end', () => this.#fail())
    carrier.on('drain', () => this.#drained())
    carrier.on('data', (chunk: Buffer) => this.#received(chunk))
    this.#rest()
  }

  /** Whether streams can be opened. */
  get usable(): boolean {
    return !this.#closed && this.#streams.size < this.#options.maxStreams
  }

  /**
   * Opens a stream; bytes may be sent at once, but are lost if the other side refuses.
   * @param head what it is for; must be JSON
   * @param onHead called with the answer
   * @throws TransportError when the session is over
   */
  open(head: unknown, onHead: (head: unknown) => void): MuxStream {
    if (!this.usable)
      throw new TransportError('unreachable', `the session with ${this.#options.peer} is over`)
    const id = ++this.#lastStream
    const stream = this.#add(new MuxStream(id, this.#port, { onHead }))
    this.#send(FRAME.open, id, Buffer.from(JSON.stringify(head)))
    return stream
  }

  /** Cuts everything; idempotent. */
  close(error?: Error): void {
    this.#fail(error)
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

  #forget(stream: number): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0 && !this.#closed) this.#rest()
  }

  #claim(bytes: number): boolean {
    if (this.#growth + bytes > GROWTH_BYTES) return false
    this.#growth += bytes
    return true
  }

  #rest(): void {
    this.#pulse?.cancel()
    // Only the side that opens streams can know that none is about to be opened.
    if (this.#options.onOpen) return
    this.#idle?.cancel()
    this.#idle = this.#options.clock.after(this.#options.idleTimeoutMs, () => this.#fail())
  }

  #beat(): void {
    this.#pulse?.cancel()
    this.#pulse = this.#options.clock.after(this.#options.pingIntervalMs, () => {
      if (this.#missedPings >= MISSED_PINGS) {
        this.#fail(new TransportError('timeout', `${this.#options.peer} does not answer any more`))
        return
      }
      this.#missedPings++
      this.#send(FRAME.ping, 0)
      this.#beat()
    })
  }

  #send(type: FrameType, stream: number, payload?: Uint8Array): void {
    if (this.#closed) return
    const carrier = this.#carrier
    // All that is sent in one turn goes out in one piece.
    if (carrier.writableCorked === 0) {
      carrier.cork()
      process.nextTick(() => carrier.uncork())
    }
    let writable = carrier.write(encodeHeader(type, stream, payload?.length ?? 0))
    if (payload && payload.length > 0) writable = carrier.write(payload)
    if (!writable) this.#blocked = true
    if (this.#carrier.writableLength > MAX_WAITING_BYTES) {
      this.#fail(new TransportError('aborted', `${this.#options.peer} does not read`))
    }
  }

  #drained(): void {
    this.#blocked = false
    // In turn, each from where it stopped; a full carrier ends the round, and the next begins behind.
    for (const stream of [...this.#streams.values()]) {
      if (this.#blocked) return
      stream.resumeWriting()
      if (this.#streams.delete(stream.id)) this.#streams.set(stream.id, stream)
    }
  }

  #received(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.read(chunk)) {
        if (this.#closed) return
        this.#handle(frame)
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      const { peer } = this.#options
      this.#fail(
        new TransportError('protocol', `${peer} breaks the rules: ${error.message}`, { cause: error }),
      )
    }
  }

  #handle(frame: Frame): void {
    this.#missedPings = 0
    switch (frame.type) {
      case FRAME.ping:
        this.#send(FRAME.pong, 0)
        return
      case FRAME.pong:
        return
      case FRAME.open:
        this.#opened(frame)
        return
      default: {
        const stream = this.#streams.get(frame.stream)
        if (stream) stream.receive(frame)
        // What was on its way while we ended the stream is nobody's any more.
        else if (frame.stream === 0 || frame.stream > this.#lastStream) {
          throw new FrameError(`there is no stream ${frame.stream}`)
        }
      }
    }
  }

  #opened({ stream: id, payload }: Frame): void {
    const { onOpen, maxStreams } = this.#options
    if (!onOpen) throw new FrameError('only the other side opens streams')
    if (id <= this.#lastStream) throw new FrameError('a stream was opened twice')
    this.#lastStream = id
    const head = parseHead(payload)
    if (this.#streams.size >= maxStreams) {
      this.#send(FRAME.reset, id)
      return
    }
    onOpen(head, (onFirstUse) => {
      const stream = this.#add(new MuxStream(id, this.#port, onFirstUse ? { onFirstUse } : {}))
      return {
        stream,
        answer: (answer) => {
          if (!stream.destroyed) this.#send(FRAME.head, id, Buffer.from(JSON.stringify(answer)))
        },
      }
    })
  }

  #fail(error?: Error): void {
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
}
