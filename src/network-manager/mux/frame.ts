/**
 * Frames of the multiplexer: a header of nine bytes (type, stream, length), then the payload. Pure.
 */

/** What a frame means; the numbers are on the wire. */
export const FRAME = {
  /** Opens a stream; the payload is JSON. */
  open: 1,
  /** The answer to `open`; the payload is JSON. */
  head: 2,
  data: 3,
  /** Nothing more comes in this direction. Without it, what was received is not complete. */
  end: 4,
  /** Both directions are over, and not properly. */
  reset: 5,
  /** The reader has made room: four bytes say how much. */
  credit: 6,
  ping: 7,
  pong: 8,
} as const
export type FrameType = (typeof FRAME)[keyof typeof FRAME]

export interface Frame {
  readonly type: FrameType
  /** 0 for frames that concern no stream. */
  readonly stream: number
  readonly payload: Buffer
}

export const HEADER_BYTES = 9
/** Longest payload; more data goes into more frames. */
export const MAX_PAYLOAD_BYTES = 64 << 10
const LAST_TYPE = FRAME.pong

/** Something that is no frame: there is no going on after it. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** @returns the header of a frame with so many bytes of payload */
export function encodeHeader(type: FrameType, stream: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeUInt8(type, 0)
  header.writeUInt32BE(stream, 1)
  header.writeUInt32BE(length, 5)
  return header
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0

  /**
   * @returns the frames that are complete now, in order
   * @throws FrameError
   */
  read(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length >= HEADER_BYTES) {
      const header = this.#peek(HEADER_BYTES)
      const type = header.readUInt8(0)
      const length = header.readUInt32BE(5)
      if (type < 1 || type > LAST_TYPE) throw new FrameError(`no frame has the type ${type}`)
      if (length > MAX_PAYLOAD_BYTES) throw new FrameError(`a frame of ${length} bytes is too long`)
      if (this.#length < HEADER_BYTES + length) break
      const stream = header.readUInt32BE(1)
      this.#take(HEADER_BYTES)
      frames.push({ type: type as FrameType, stream, payload: this.#take(length) })
    }
    return frames
  }

  /** The first bytes, in one piece, left where they are. */
  #peek(count: number): Buffer {
    const first = this.#chunks[0]!
    if (first.length >= count) return first
    // A frame is short: joining what there is costs little, and happens once per chunk at most.
    this.#chunks = [Buffer.concat(this.#chunks, this.#length)]
    return this.#chunks[0]!
  }

  #take(count: number): Buffer {
    if (count === 0) return Buffer.alloc(0)
    const first = this.#peek(count)
    const rest = first.subarray(count)
    if (rest.length > 0) this.#chunks[0] = rest
    else this.#chunks.shift()
    this.#length -= count
    return first.subarray(0, count)
  }
}
