/** What is thrown by the parsers of money, periods, margins, durations and times: one family, as QuantityError is for quantities. */

export type UnreadableKind = 'amount' | 'currency' | 'period' | 'margin' | 'duration' | 'time'

/** `kind` is stable; `message` is for people and quotes what was written. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
  readonly kind: UnreadableKind

  constructor(kind: UnreadableKind, text: unknown, expected: string) {
    super(`${shown(text)} is not ${kind === 'amount' ? 'an' : 'a'} ${kind}: expected ${expected}`)
    this.kind = kind
  }
}

function shown(text: unknown): string {
  const written = typeof text === 'string' ? text : String(text)
  return JSON.stringify(written.length > 40 ? `${written.slice(0, 40)}…` : written)
}
