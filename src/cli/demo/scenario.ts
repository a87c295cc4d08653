/**
 * What a demo plays: which nodes there are, who does what, and what the table of steps is.
 */
import type { Config } from '../../config/index.ts'
import type { PeerRole } from '../../objects/peer.ts'
import type { WorkflowNumber } from '../../trace/index.ts'
import type { Endpoints } from '../node-directory.ts'

/** Where the nodes that were started before listen, by name. */
export type Started = ReadonlyMap<string, Endpoints>

export interface ScenarioNode {
  readonly name: string
  readonly role: PeerRole
  /** One of the scenario's domains. */
  readonly domain: string
  /** What it is in the workflow, for people. */
  readonly plays: string
  /** What it has, for people. */
  readonly has: string
  /**
   * @param authorities the ids of all domains' authorities, by domain
   * @returns its configuration beyond name, role and domain
   */
  config(started: Started, authorities: ReadonlyMap<string, string>): Omit<Config, 'name' | 'role' | 'domain'>
  /** Names of the nodes that it must know and accept before the play begins. */
  readonly knows: readonly string[]
}

export interface Scenario {
  readonly workflow: WorkflowNumber
  readonly title: string
  /** Each gets an authority of its own. */
  readonly domains: readonly string[]
  /** In the order in which they are started. */
  readonly nodes: readonly ScenarioNode[]
  /** Where the intent is handed in. */
  readonly consumer: string
  /** How many offers must stand in a catalog before the play begins (step 0 of workflow 4). */
  readonly listed?: { readonly at: string; readonly count: number }
  /** On whose machine the workload must end up. */
  readonly provider: string
}
