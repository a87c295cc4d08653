/** How far a question has come: what keeps questions from going round among supernodes. */

/** Counts the nodes that passed a question on. */
export const HOPS_HEADER = 'tributary-hops'

/** From the consumer's supernode to the provider's, and from there to its nodes. */
export const MOST_HOPS = 2

/** @returns how often the question was passed on; a malformed count is as good as too many */
export function hopsOf(headers: Readonly<Record<string, string>>): number {
  const text = headers[HOPS_HEADER]
  if (text === undefined) return 0
  return /^[0-9]$/.test(text) ? Number(text) : MOST_HOPS
}
