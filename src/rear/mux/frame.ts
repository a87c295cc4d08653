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
  /** The answer to `open` of a session that is full or about to end: nothing was done with the stream. */
  refuse: 9,
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
const LAST_TYPE = FRAME.refuse

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

/**
 * Cuts a byte stream into frames. The payload of `data` is handed on as it comes, as if it had been sent in
 * smaller frames: nothing is copied, and nobody waits for the rest.
 */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0
  /** The `data` frame whose payload is being received. */
  #data: { readonly stream: number; missing: number } | undefined

  /**
   * @returns the frames that are complete now, in order
   * @throws FrameError
   */
  read(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    if (chunk.length > 0) this.#chunks.push(chunk)
    this.#length += chunk.length
    for (;;) {
      if (this.#data) {
        const { stream, missing } = this.#data
        if (this.#length === 0) break
        const payload = this.#take(Math.min(missing, this.#chunks[0]!.length))
        this.#data = missing > payload.length ? { stream, missing: missing - payload.length } : undefined
        frames.push({ type: FRAME.data, stream, payload })
        continue
      }
      if (this.#length < HEADER_BYTES) break
      const header = this.#peek(HEADER_BYTES)
      const type = header.readUInt8(0)
      const stream = header.readUInt32BE(1)
      const length = header.readUInt32BE(5)
      if (type < 1 || type > LAST_TYPE) throw new FrameError(`no frame has the type ${type}`)
      if (length > MAX_PAYLOAD_BYTES) throw new FrameError(`a frame of ${length} bytes is too long`)
      if (type === FRAME.data && length > 0) {
        this.#take(HEADER_BYTES)
        this.#data = { stream, missing: length }
        continue
      }
      if (this.#length < HEADER_BYTES + length) break
      this.#take(HEADER_BYTES)
      frames.push({ type: type as FrameType, stream, payload: this.#take(length) })
    }
    return frames
  }

  /** The first bytes, in one piece, left where they are. */
  #peek(count: number): Buffer {
    const first = this.#chunks[0]!
    if (first.length >= count) return first
    // Only of headers and short payloads, so this copies little.
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
