/** What an attached container writes: the engine's frames taken apart. */
import type { Readable } from 'node:stream'

const HEAD_BYTES = 8

/**
 * Standard output and error in the order in which they came. Reads no faster than it is asked.
 * Docker's format: stream, three zeros, the length (big-endian), the bytes.
 */
export async function* framesOf(stream: Readable): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0)
  let left = 0
  for await (const chunk of stream) {
    let rest = chunk as Buffer
    while (rest.length > 0) {
      if (left > 0) {
        const part = rest.subarray(0, left)
        left -= part.length
        rest = rest.subarray(part.length)
        yield part
        continue
      }
      const needed = HEAD_BYTES - head.length
      head = Buffer.concat([head, rest.subarray(0, needed)])
      rest = rest.subarray(needed)
      if (head.length < HEAD_BYTES) continue
      left = head.readUInt32BE(4)
      head = Buffer.alloc(0)
    }
  }
}
