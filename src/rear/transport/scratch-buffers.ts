/**
 * Buffers to put answers together in, used again and again: made anew for every answer, they would keep the garbage
 * collector busy. Whoever takes one gives it back when its bytes have left, or never.
 */

/** Room for most answers; larger ones get a buffer of their own. */
const SIZE = 64 << 10
/** At most so many lie about unused. */
const MOST = 16

const free: Buffer[] = []

/** @returns a buffer with room for at least `size` bytes, with anything in it */
export function takeScratch(size: number): Buffer {
  return size > SIZE ? Buffer.allocUnsafeSlow(size) : (free.pop() ?? Buffer.allocUnsafeSlow(SIZE))
}

/** The buffer must not be used any more by the one who had it. */
export function giveScratchBack(buffer: Buffer): void {
  if (buffer.length === SIZE && free.length < MOST) free.push(buffer)
}
