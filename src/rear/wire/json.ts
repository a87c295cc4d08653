/**
 * JSON that came from outside: parsed only if it is UTF-8 and not absurdly deep.
 */
import { WireError } from './wire-error.ts'

/** Deeper than any message of the protocol, shallow enough for recursive functions. */
export const MAX_JSON_DEPTH = 64

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * @param body the bytes of a message
 * @param maxDepth how many arrays and objects may stand in one another
 * @throws WireError `malformed-json`, `too-deep`
 */
export function parseJson(body: Uint8Array | string, maxDepth: number = MAX_JSON_DEPTH): unknown {
  let text: string
  try {
    text = typeof body === 'string' ? body : utf8.decode(body)
  } catch (cause) {
    throw new WireError('malformed-json', '$', 'not UTF-8', { cause })
  }
  if (depthOf(text) > maxDepth) {
    throw new WireError('too-deep', '$', `more than ${maxDepth} arrays and objects in one another`)
  }
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new WireError('malformed-json', '$', (cause as Error).message, { cause })
  }
}

/** Counts brackets outside strings; exact for well-formed JSON, and enough for the rest. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x7b || code === 0x5b) {
      depth++
      if (depth > deepest) deepest = depth
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}
