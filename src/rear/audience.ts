/** Who may see a flavor. Pure. */
import type { Visibility } from '../objects/flavor.ts'

/** What a caller may see: what has this visibility, or is for more people. */
export type Audience = Visibility

/** For more people, a larger number. */
export const WIDTH: Readonly<Record<Visibility, number>> = { internal: 0, listed: 1, public: 2 }

/** @returns whether a caller of the audience may see what has this visibility */
export function isVisible(visibility: Visibility, audience: Audience): boolean {
  return WIDTH[visibility] >= WIDTH[audience]
}

/** @returns the visibility for more people; the other one where there is none */
export function widerVisibility(
  a: Visibility | undefined,
  b: Visibility | undefined,
): Visibility | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return WIDTH[a] > WIDTH[b] ? a : b
}
