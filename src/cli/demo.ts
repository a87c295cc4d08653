/** Placeholder, written next. */
import type { Verb } from './verb.ts'

export const demoVerb: Verb = () => undefined
