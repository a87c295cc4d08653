/**
 * The nodes of a demo, from an empty folder to running processes, and back to nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from '../../kernel/system.ts'
import { createAuthority } from '../../privacy-and-security-manager/index.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { createNodeDirectory } from '../node-files.ts'
import type { Endpoints } from '../node-directory.ts'
import type { NodeStatus } from '../../node/node-status.ts'
import { type NodeProcess, startNodeProcess } from './node-process.ts'
import type { Scenario, ScenarioNode } from './scenario.ts'

const DAY_MS = 86_400_000
const ACQUAINTED_WITHIN_MS = 20_000
const POLL_MS = 20

export interface World {
  readonly folder: string
  readonly nodes: ReadonlyMap<string, NodeProcess>
}

export class DemoWorld implements World {
  readonly folder: string
  readonly nodes = new Map<string, NodeProcess>()
  readonly #context: Context
  readonly #stops: ((hurry: AbortSignal) => Promise<void>)[] = []

  private constructor(context: Context, folder: string) {
    this.#context = context
    this.folder = folder
  }

  /** @returns a world that is nothing but a folder */
  static async create(context: Context): Promise<DemoWorld> {
    return new DemoWorld(context, await mkdtemp(join(tmpdir(), 'tributary-demo-')))
  }

  /**
   * Makes and starts the nodes, one after the other, each knowing where those before it listen.
   * @param survive whether they may outlive this process
   * @param onStarted is told of each
   */
  async start(
    scenario: Scenario,
    survive: boolean,
    onStarted: (node: ScenarioNode, process: NodeProcess) => void,
  ): Promise<void> {
    const { system } = this.#context
    const authorities = new Map(
      await Promise.all(
        scenario.domains.map(
          async (domain) =>
            [domain, await createAuthority(this.#authorityDirectory(domain), domain, system)] as const,
        ),
      ),
    )
    const started = new Map<string, Endpoints>()
    const ids = new Map([...authorities].map(([domain, { id }]) => [domain, id as string]))
    for (const node of scenario.nodes) {
      this.#context.signal.throwIfAborted()
      const directory = join(this.folder, node.name)
      await createNodeDirectory({
        directory,
        system,
        config: { name: node.name, role: node.role, ...node.config(started, ids) },
        authority: authorities.get(node.domain),
        ...(holderOf(scenario, node.domain) === node
          ? { authorityDirectory: this.#authorityDirectory(node.domain) }
          : {}),
        membershipMs: DAY_MS,
      })
      const process = await startNodeProcess(this.#context, {
        name: node.name,
        directory,
        survive,
        onSpawned: (stop) => this.#stops.push(stop),
      })
      started.set(node.name, process.endpoints)
      this.nodes.set(node.name, process)
      onStarted(node, process)
    }
  }

  #authorityDirectory(domain: string): string {
    return join(this.folder, `authority-${domain}`)
  }

  /** @returns the node of this name; the scenario has it */
  node(name: string): NodeProcess {
    const found = this.nodes.get(name)
    if (!found) throw new CliError(`there is no node ${name}`)
    return found
  }

  /** Waits until every node has accepted those that it must know. */
  async acquaint(scenario: Scenario): Promise<void> {
    const { clock } = this.#context.system
    const end = clock.monotonic() + ACQUAINTED_WITHIN_MS
    for (const { name, knows } of scenario.nodes) {
      for (;;) {
        const { peers } = await this.node(name).client.get<NodeStatus>('/tributary/v1/status')
        const stranger = knows.find(
          (other) => !peers.some((peer) => peer.name === other && peer.phase === 'Accepted'),
        )
        if (stranger === undefined) break
        if (clock.monotonic() > end) {
          const message = peers
            .map((peer) => `${peer.name ?? peer.address}: ${peer.message ?? peer.phase}`)
            .join('; ')
          throw new CliError(
            `${name} does not get to know ${stranger}${message === '' ? '' : ` (${message})`}`,
          )
        }
        await sleep(clock, POLL_MS, this.#context.signal)
      }
    }
  }

  /** Waits until the catalog has the offers that it must have. */
  async listed({ listed }: Scenario): Promise<void> {
    if (listed === undefined) return
    const { clock } = this.#context.system
    const end = clock.monotonic() + ACQUAINTED_WITHIN_MS
    const path = '/apis/advertisement.fluidos.eu/v1alpha1/peeringcandidates'
    for (;;) {
      const { items } = await this.node(listed.at).client.get<{ items: readonly unknown[] }>(path)
      if (items.length >= listed.count) return
      if (clock.monotonic() > end) throw new CliError(`no offer reaches the ${listed.at}`)
      await sleep(clock, POLL_MS, this.#context.signal)
    }
  }

  /** Stops what was started and removes every trace of it. */
  async destroy(): Promise<void> {
    for (const { client } of this.nodes.values()) client.close()
    await Promise.all(this.#stops.map((stop) => stop(this.#context.hurry)))
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Leaves all of it behind, running. */
  release(): void {
    for (const node of this.nodes.values()) {
      node.client.close()
      node.release()
    }
  }
}

/** @returns who renews and revokes for a domain: its supernode, or, without one, the first of its nodes */
function holderOf({ nodes }: Scenario, domain: string): ScenarioNode | undefined {
  const members = nodes.filter((node) => node.domain === domain)
  return members.find(({ role }) => role === 'supernode') ?? members[0]
}
