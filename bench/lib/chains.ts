/** Nodes that can deal with each other, each a process: two that know each other, or four with supernodes in between. */
import { type BenchDomain, createBenchDomain } from './bench-domain.ts'
import { Control, until } from './control.ts'
import { acquainted, BUYER, SELLER } from './intents.ts'
import { startWorker, type Worker } from './worker.ts'
import type { nodeMethods } from '../workers/node.ts'

export const CANDIDATES = '/apis/advertisement.fluidos.eu/v1alpha1/namespaces/default/peeringcandidates'

export interface Chain {
  readonly name: 'direct' | 'relayed'
  /** Where intents are handed in. */
  readonly consumer: Control
  /** Who learns of offers by asking only: not the provider's supernode, which is told of them as they change. */
  readonly askers: readonly Control[]
  /** From the consumer to the provider. */
  readonly nodes: readonly Worker<typeof nodeMethods>[]
}

interface Started {
  readonly id: string
  readonly rearAddress: string
  readonly controlSocket: string
  readonly worker: Worker<typeof nodeMethods>
}

export class Chains {
  readonly #execArgv: readonly string[]
  readonly #workers: Worker<typeof nodeMethods>[] = []
  readonly #here: BenchDomain
  readonly #there: BenchDomain

  /**
   * @param directory everything is made below it
   * @param execArgv further arguments of Node
   */
  constructor(directory: string, execArgv: readonly string[]) {
    this.#execArgv = execArgv
    this.#here = createBenchDomain(directory, 'buyers.example')
    this.#there = createBenchDomain(directory, 'sellers.example')
  }

  /** Alpha and beta, of one domain (workflow 1). */
  async direct(): Promise<Chain> {
    const here = this.#here
    const beta = await this.#start(here.addNode('beta-1', SELLER))
    const alpha = await this.#start(here.addNode('alpha-1', { ...BUYER, ...knowing(beta) }))
    const consumer = new Control(alpha.controlSocket)
    await acquainted(consumer, 1)
    return { name: 'direct', consumer, askers: [consumer], nodes: [alpha.worker, beta.worker] }
  }

  /** As the demo of workflow 3: each end knows its supernode only, and is told of nobody else. */
  async relayed(): Promise<Chain> {
    const here = this.#here
    const there = this.#there
    const supernode = { ...BUYER, role: 'supernode' as const }
    const superThere = await this.#start(
      there.addNode('super-there', {
        ...supernode,
        supernode: { introduce: false, margin: '5%' },
        trustedAuthorities: { [here.name]: [here.authority] },
      }),
    )
    const superHere = await this.#start(
      here.addNode('super-here', {
        ...supernode,
        supernode: { introduce: false },
        trustedAuthorities: { [there.name]: [there.authority] },
        ...knowing(superThere),
      }),
    )
    const beta = await this.#start(there.addNode('beta-3', { ...SELLER, ...knowing(superThere) }))
    const alpha = await this.#start(here.addNode('alpha-3', { ...BUYER, ...knowing(superHere) }))
    const [consumer, hereControl, thereControl] = [alpha, superHere, superThere].map(
      ({ controlSocket }) => new Control(controlSocket),
    ) as [Control, Control, Control]
    await acquainted(consumer, 1)
    await acquainted(hereControl, 2)
    await acquainted(thereControl, 2)
    await until('the offer has reached the supernode', async () => (await thereControl.count(CANDIDATES)) > 0)
    return {
      name: 'relayed',
      consumer,
      askers: [consumer, hereControl],
      nodes: [alpha, superHere, superThere, beta].map(({ worker }) => worker),
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()))
  }

  async #start(place: Promise<string>): Promise<Started> {
    const worker = startWorker<typeof nodeMethods>('node.ts', this.#execArgv)
    this.#workers.push(worker)
    return { ...(await worker.call('start', { directory: await place })), worker }
  }
}

const knowing = (...others: readonly Started[]) => ({
  peers: others.map(({ rearAddress: address, id }) => ({ address, id })),
})
