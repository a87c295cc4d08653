/** Placeholder, written next. */
import type { Verb } from './verb.ts'

export const completionVerb: Verb = () => undefined
