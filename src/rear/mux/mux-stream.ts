/**
 * One stream of a multiplexer, as an ordinary Duplex: half-close both ways, back-pressure by credit,
 * and resets that cannot be mistaken for an end.
 */
import { Duplex } from 'node:stream'
import { TransportError } from '../transport/transport-error.ts'
import { FRAME, type Frame, FrameError, type FrameType, MAX_PAYLOAD_BYTES } from './frame.ts'

/** Bytes of one direction of a stream that may be on their way unread, at first. Part of the protocol. */
export const FIRST_WINDOW_BYTES = 128 << 10
/** To this size the window of a stream grows that carries much. */
export const LARGEST_WINDOW_BYTES = 1 << 20
const BUFFER_BYTES = 64 << 10
const SMALL_BYTES = 2 << 10

/** The other end did nothing with the stream: it may be opened again on another session. */
export class StreamNotTaken extends TransportError {}

/** What a stream needs of its multiplexer. */
export interface MuxCarrier {
  send(type: FrameType, stream: number, payload?: Uint8Array): void
  /** @returns whether what is sent now goes out soon; when not, `resumeWriting` is called later */
  mayWrite(stream: MuxStream): boolean
  forget(stream: MuxStream): void
  /** @returns whether a stream may hold so many bytes more; negative numbers give back */
  claim(bytes: number): boolean
  /** Whom to name in errors. */
  readonly peer: string
}

export class MuxStream extends Duplex {
  readonly id: number
  readonly #carrier: MuxCarrier
  #onFirstUse: (() => void) | undefined
  #onHead: ((head: unknown) => void) | undefined
  /** Bytes that the other side still takes. */
  #credit = FIRST_WINDOW_BYTES
  /** Bytes that the other side may still send. */
  #allowed = FIRST_WINDOW_BYTES
  /** What `#allowed` is after credit was given for all that was read. */
  #window = FIRST_WINDOW_BYTES
  /** Bytes received for which no credit was given back. */
  #owed = 0
  /** Bytes read since the window last grew. */
  #read = 0
  #blocked = false
  #pending:
    { readonly chunk: Buffer; offset: number; readonly done: (error?: Error | null) => void } | undefined
  #endSent = false
  #endReceived = false
  /** The other side knows, or cannot be told, that the stream is over. */
  #over = false

  /**
   * @param events.onFirstUse called once, before the first read or write
   * @param events.onHead called with the decoded answer to `open`
   */
  constructor(
    id: number,
    carrier: MuxCarrier,
    events: { readonly onFirstUse?: () => void; readonly onHead?: (head: unknown) => void },
  ) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES, allowHalfOpen: true })
    this.id = id
    this.#carrier = carrier
    this.#onFirstUse = events.onFirstUse
    this.#onHead = events.onHead
    // Whoever owns the stream may not have got to listening yet; `close` tells in any case.
    this.on('error', () => undefined)
  }

  /** @throws FrameError when the other side breaks the rules */
  receive({ type, payload }: Frame): void {
    switch (type) {
      case FRAME.data:
        if (payload.length > this.#allowed) throw new FrameError('more was sent than there is room for')
        if (this.#endReceived) throw new FrameError('data came after the end')
        this.#allowed -= payload.length
        this.#owed += payload.length
        // A small piece that has to wait must not hold on to the large chunk in which it came.
        this.#blocked = !this.push(
          this.#blocked && payload.length < SMALL_BYTES ? Buffer.from(payload) : payload,
        )
        this.#giveCredit()
        return
      case FRAME.end:
        if (this.#endReceived) throw new FrameError('a stream ended twice')
        this.#endReceived = true
        this.push(null)
        return
      case FRAME.credit:
        if (payload.length !== 4) throw new FrameError('a credit has four bytes')
        this.#credit += payload.readUInt32BE(0)
        if (this.#credit > LARGEST_WINDOW_BYTES) throw new FrameError('more credit was given than was used')
        this.resumeWriting()
        return
      case FRAME.reset:
        this.#over = true
        this.destroy(new TransportError('aborted', `the stream was reset by ${this.#carrier.peer}`))
        return
      case FRAME.refuse:
        if (!this.#onHead) throw new FrameError('a stream was refused after it was answered')
        this.#over = true
        this.destroy(new StreamNotTaken('unreachable', `${this.#carrier.peer} takes no more streams here`))
        return
      case FRAME.head: {
        const onHead = this.#onHead
        if (!onHead) throw new FrameError('an answer came to what was not asked')
        this.#onHead = undefined
        onHead(parseHead(payload))
        return
      }
      default:
        throw new FrameError(`a frame of type ${type} concerns no stream`)
    }
  }

  /** The carrier is gone. */
  cut(error: Error): void {
    this.#over = true
    if (this.#endSent && this.#endReceived) return
    this.destroy(error)
  }

  /** Goes on with what could not be sent. */
  resumeWriting(): void {
    const pending = this.#pending
    if (!pending || this.destroyed) return
    const { chunk } = pending
    while (pending.offset < chunk.length && this.#credit > 0 && this.#carrier.mayWrite(this)) {
      const size = Math.min(chunk.length - pending.offset, this.#credit, MAX_PAYLOAD_BYTES)
      this.#credit -= size
      this.#carrier.send(FRAME.data, this.id, chunk.subarray(pending.offset, pending.offset + size))
      pending.offset += size
    }
    if (pending.offset < chunk.length) return
    this.#pending = undefined
    pending.done()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#use()
    this.#pending = { chunk, offset: 0, done }
    this.resumeWriting()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#use()
    this.#endSent = true
    this.#carrier.send(FRAME.end, this.id)
    done()
  }

  override _read(): void {
    this.#use()
    this.#blocked = false
    this.#giveCredit()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#onFirstUse = undefined
    this.#onHead = undefined
    if (!this.#over && !(this.#endSent && this.#endReceived)) this.#carrier.send(FRAME.reset, this.id)
    this.#carrier.claim(FIRST_WINDOW_BYTES - this.#window)
    this.#carrier.forget(this)
    const pending = this.#pending
    this.#pending = undefined
    done(error)
    pending?.done(error ?? new TransportError('aborted', 'the stream was cut'))
  }

  #giveCredit(): void {
    // In portions: every frame costs something.
    if (this.#blocked || this.#owed < this.#window / 8 || this.#endReceived) return
    this.#read += this.#owed
    // A stream that carries much may have a larger window: it is what bounds its speed over long ways.
    const more = this.#window
    if (this.#read >= 2 * more && 2 * more <= LARGEST_WINDOW_BYTES && this.#carrier.claim(more)) {
      this.#read = 0
      this.#window += more
      this.#owed += more
    }
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(this.#owed)
    this.#allowed += this.#owed
    this.#owed = 0
    this.#carrier.send(FRAME.credit, this.id, payload)
  }

  #use(): void {
    const onFirstUse = this.#onFirstUse
    this.#onFirstUse = undefined
    onFirstUse?.()
  }
}

/** @throws FrameError */
export function parseHead(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch (cause) {
    throw new FrameError('the head of a stream is not JSON', { cause })
  }
}
