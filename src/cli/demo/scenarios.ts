/**
 * All scenarios that can be played. A new one is listed here.
 */
import type { Scenario } from './scenario.ts'
import { workflow1 } from './workflow-1.ts'

export const SCENARIOS: readonly Scenario[] = [workflow1]
