/**
 * Makes texts of strangers fit for a terminal. Pure.
 */

/** Control characters, with which a text could move the cursor, recolour the screen or pretend to be another line. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** @returns `text` on one line, with its control characters shown instead of obeyed */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) =>
    character === '\n' || character === '\t'
      ? ' '
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** @returns any cell of a table or value of an object as one line; `<none>` for nothing */
export function cellText(value: unknown): string {
  if (value === undefined || value === null || value === '') return '<none>'
  return printable(
    typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean),
  )
}

/** @returns `text` in at most `width` characters, the end replaced by an ellipsis if need be */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

/** @returns a node id (did:key) that people can tell apart at a glance: its start and its end */
export function shortId(id: string): string {
  return /^did:key:z6Mk/.test(id) && id.length > 24 ? `${id.slice(8, 14)}…${id.slice(-4)}` : id
}
