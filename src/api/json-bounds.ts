/**
 * Looks whether a text can be JSON of the size that is allowed, before it is read: what a parser makes of a megabyte
 * of brackets or of names takes ten times as long as to look, and nobody else is answered meanwhile. Pure.
 */

export interface JsonBounds {
  /** Levels that collections are nested. */
  readonly depth: number
  /** Commas and opening brackets outside of texts. */
  readonly marks: number
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Reads each character once, and none behind the one that is too much.
 * @returns what there is too much of; undefined where nothing is, whether or not it is JSON
 */
export function excessOf(text: string, limits: JsonBounds): keyof JsonBounds | undefined {
  let depth = 0
  let marks = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(text, at + 1)
        break
      case COMMA:
        if (++marks > limits.marks) return 'marks'
        break
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++depth > limits.depth) return 'depth'
        if (++marks > limits.marks) return 'marks'
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--
        break
    }
  }
  return undefined
}

/** @returns where the closing quote is; the end where there is none */
function endOfText(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at++
  }
  return text.length
}
