/** Samples every contract in force, keeps the measurements of both sides, and reports ours to the other. */
import type { Cluster } from '../fabric/cluster.ts'
import type { Component } from '../kernel/component.ts'
import { ensure, mutateStatus } from '../kernel/object-store.ts'
import { rfc3339, type Timer } from '../kernel/system.ts'
import type { Channel } from '../kernel/channel.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, hasEnded, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, ownedBy } from '../objects/meta.ts'
import { MeasurementSchema, SampleKind, type Measurement, type Sample } from '../objects/sample.ts'
import { VirtualRouterKind, type VirtualRouter } from '../objects/virtual-router.ts'
import { parseTime } from '../quantity/time.ts'
import { UnreadableError } from '../quantity/unreadable.ts'
import { isProblem, Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { closedSample, withMeasurement } from './coarsen.ts'

export interface ContractTelemetryOptions extends NodeBase {
  readonly cluster: Pick<Cluster, 'runningUnder'>
  readonly channelFor: (contractID: string) => Channel | undefined
  /** @returns whether the node is a side of the contract, or uses what was sold under it */
  readonly isParty: (contractID: string, nodeID: string) => boolean
}

const SAMPLE_EVERY_MS = 30_000
/** How many samples of contracts that are over are made smaller at a time. */
const CLOSED_AT_A_TIME = 50

export class ContractTelemetry implements Component {
  readonly #options: ContractTelemetryOptions
  #abort = new AbortController()
  #timer: Timer | undefined

  constructor(options: ContractTelemetryOptions) {
    this.#options = options
    options.informers.of(SampleKind)
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return
    this.#abort = new AbortController()
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#abort.abort()
  }

  readonly routes: readonly Route[] = [
    {
      method: 'POST',
      path: '/api/v2/contracts/{contractID}/telemetry',
      operationId: 'reportTelemetry',
      summary: 'Report what one side of a contract measured',
      access: 'party',
      request: MeasurementSchema,
      maxBodyBytes: 4 * 1024,
      responses: {
        204: { description: 'Taken.' },
        403: { description: 'Not a side of this contract.', schema: ProblemSchema },
      },
      handle: async ({ params, body, peer }) => {
        const contractID = params['contractID']!
        if (peer === undefined || !this.#options.isParty(contractID, peer.id)) {
          throw new Problem('not-a-party', 'only the sides of a contract report on it')
        }
        checkTime((body as Measurement).at)
        const contract = this.#contracts().find(({ metadata }) => metadata.name === contractID)
        // Who says it is who is connected, whatever the message says.
        if (contract) await this.#keep(contract, { ...knownOf(body as Measurement), by: peer.id })
        return { status: 204 }
      },
    },
  ]

  #contracts(): readonly Contract[] {
    return this.#options.informers
      .of(ContractKind)
      .list()
      .filter(({ status }) => status?.phase?.phase === 'Active')
  }

  #arm(): void {
    this.#timer = this.#options.system.clock.after(SAMPLE_EVERY_MS, () => {
      this.#arm()
      const routers = new Map<string, VirtualRouter>()
      for (const router of this.#options.informers.of(VirtualRouterKind).list())
        routers.set(router.spec.contractID, router)
      const samples = this.#contracts().map((contract) =>
        this.#sample(contract, routers.get(contract.metadata.name)),
      )
      void Promise.all([...samples, this.#close()]).catch((error: unknown) =>
        this.#options.log.warn({ err: error }, 'contracts could not be sampled'),
      )
    })
  }

  /** What was measured of contracts that are over is kept as small as their retention says. */
  async #close(): Promise<void> {
    const { store, informers } = this.#options
    const contracts = informers.of(ContractKind)
    const due: Sample[] = []
    for (const sample of informers.of(SampleKind).list()) {
      const contract = contracts.get(keyOf(sample))
      if (contract === undefined || !hasEnded(contract)) continue
      if (sample.status !== undefined && closedSample(sample.status) !== undefined) due.push(sample)
      if (due.length === CLOSED_AT_A_TIME) break
    }
    await Promise.all(
      due.map((sample) =>
        mutateStatus(store, SampleKind, keyOf(sample), ({ status }) => status && closedSample(status)),
      ),
    )
  }

  async #sample(contract: Contract, router: VirtualRouter | undefined): Promise<void> {
    const { cluster, self, system, channelFor } = this.#options
    const contractID = contract.metadata.name
    if (router === undefined || router.spec.role === 'relay') return
    const pods = cluster.runningUnder(contractID)
    const { phase, roundTripMs, bytesIn, bytesOut } = router.status ?? {}
    const measurement: Measurement = {
      at: rfc3339(system.clock.now()),
      by: self.id,
      available: phase === 'Ready',
      pods,
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      ...(bytesIn === undefined ? {} : { bytesIn }),
      ...(bytesOut === undefined ? {} : { bytesOut }),
    }
    await this.#keep(contract, measurement)
    try {
      await channelFor(contractID)?.request({
        method: 'POST',
        path: `/api/v2/contracts/${encodeURIComponent(contractID)}/telemetry`,
        body: measurement,
        signal: this.#abort.signal,
      })
    } catch (error) {
      // That it could not be told is itself seen by the other side's probe.
      if (!isTransportError(error) && !isProblem(error)) throw error
    }
  }

  async #keep(contract: Contract, measurement: Measurement): Promise<void> {
    const { store } = this.#options
    const key = inDefaultNamespace(contract.metadata.name)
    await ensure(store, SampleKind, {
      metadata: { ...key, ownerReferences: [ownedBy(contract)] },
      spec: { contractID: contract.metadata.name },
    })
    await mutateStatus(store, SampleKind, key, ({ status }) => withMeasurement(status, measurement))
  }
}

/** @throws Problem unless it is a time: old measurements are put together by theirs */
function checkTime(at: string): void {
  try {
    parseTime(at)
  } catch (cause) {
    if (!(cause instanceof UnreadableError)) throw cause
    throw new Problem('bad-request', `at: ${cause.message}`, { cause })
  }
}

/** What is no measurement is not kept, whatever else was sent along. */
function knownOf({ at, by, available, roundTripMs, pods, bytesIn, bytesOut }: Measurement): Measurement {
  return {
    ...{ at, by, available },
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
    ...(pods === undefined ? {} : { pods }),
    ...(bytesIn === undefined ? {} : { bytesIn }),
    ...(bytesOut === undefined ? {} : { bytesOut }),
  }
}
