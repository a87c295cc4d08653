/**
 * All scenarios that can be played. A new one is listed here.
 */
import type { Scenario } from './scenario.ts'
import { workflow1 } from './workflow-1.ts'
import { workflow2 } from './workflow-2.ts'
import { workflow3 } from './workflow-3.ts'
import { workflow4 } from './workflow-4.ts'

export const SCENARIOS: readonly Scenario[] = [workflow1, workflow2, workflow3, workflow4]
