/**
 * Providers in one process, each a node of its own with its own key, credential, listener and connections: they
 * advertise to a catalog and refresh what they advertised, message by message as `Advertiser` sends them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { flavorOf } from '../../src/available-resources/index.ts'
import { FLAVOR_SIGNATURE } from '../../src/contract-manager/index.ts'
import type { Pool } from '../../src/objects/pool.ts'
import { signDocument } from '../../src/privacy-and-security-manager/index.ts'
import { flavorTerms, flavorToWire } from '../../src/rear/wire/index.ts'
import { createCaller, type Caller } from '../lib/caller.ts'
import { flavorMarket } from '../lib/flavor-market.ts'
import { cpuMs, serve } from '../lib/worker.ts'

interface Provider {
  readonly caller: Caller
  readonly flavorIDs: readonly string[]
}

interface Catalog {
  readonly providers: readonly Provider[]
  /** Who refreshes next. */
  next: number
}

interface Results {
  readonly results: readonly { readonly outcome: string; readonly reason?: string }[]
}

const catalogs = new Map<string, Catalog>()
/** Providers that introduce themselves, or advertise, at a time. */
const AT_A_TIME = 4
const FIRST_VALID_MS = 600_000
/**
 * A catalog writes down how long an offer holds when that has changed by half. With these two, that is every second
 * time, as it is when offers that hold for five minutes are refreshed after a third of them for long; but nothing
 * of a run waits for minutes, or runs out.
 */
const REFRESH_VALID_MS = [1_200_000, 900_000] as const

async function advertise(caller: Caller, body: object): Promise<void> {
  const answer = await caller.call({ method: 'POST', path: '/api/v2/advertisements', body })
  const refused = (answer.body as Results).results.find(({ outcome }) => outcome !== 'accepted')
  if (refused) throw new Error(`not taken: ${JSON.stringify(refused)}`)
}

/** What may be asked of it. */
export const providersMethods = {
  cpuMs,

  /** Makes a provider of each directory, which puts its share of a market on the table of a catalog. */
  async join(options: {
    readonly name: string
    readonly directories: readonly string[]
    readonly address: string
    readonly id: string
    /** Flavors of all providers together. */
    readonly size: number
  }): Promise<void> {
    const { name, directories, address, id, size } = options
    const { pools } = flavorMarket(size, 'scattered')
    const providers: Provider[] = []
    let next = 0
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        while (next < directories.length) {
          const place = next++
          const caller = await createCaller(directories[place]!, { address, id })
          const { domain, identity } = caller.member
          const owner = {
            domain,
            nodeID: identity.id,
            ip: caller.wireIdentity.IP,
            additionalInformation: { liqoID: 'bench' },
          }
          const flavors = pools
            .filter((_, index) => index % directories.length === place)
            .map(({ name: uid, spec }) => {
              const made = flavorOf({ metadata: { uid }, spec } as Pool, owner)!
              const { poolName: _, ...rest } = made.spec
              const wire = flavorToWire({
                metadata: { name: made.id },
                spec: { ...rest, timestamp: new Date().toISOString() },
              })
              const signature = signDocument(flavorTerms(wire), { ...FLAVOR_SIGNATURE, key: identity.key })
              return { ...wire, signature }
            })
          await advertise(caller, { flavors, validForMs: FIRST_VALID_MS })
          providers[place] = { caller, flavorIDs: flavors.map(({ flavorID }) => flavorID) }
        }
      }),
    )
    catalogs.set(name, { providers, next: 0 })
  },

  /**
   * Refreshes at a steady pace: one message for all flavors of one provider, then those of the next.
   * @param options.share of all flavors, each second
   * @returns how many flavors were refreshed, and how late the worst message was answered
   */
  async refresh(options: {
    readonly name: string
    readonly share: number
    readonly durationMs: number
  }): Promise<{ readonly flavors: number; readonly messages: number; readonly slowestMs: number }> {
    const catalog = catalogs.get(options.name)!
    const { providers } = catalog
    const perSecond = providers.length * options.share
    const start = performance.now()
    const running: Promise<void>[] = []
    let flavors = 0
    let slowestMs = 0
    for (;;) {
      const due = (running.length / perSecond) * 1_000
      if (due >= options.durationMs) break
      await sleep(Math.max(0, due - (performance.now() - start)))
      const place = catalog.next++
      const { caller, flavorIDs } = providers[place % providers.length]!
      const sent = performance.now()
      running.push(
        advertise(caller, { refresh: flavorIDs, validForMs: REFRESH_VALID_MS[place % 2]! }).then(() => {
          flavors += flavorIDs.length
          slowestMs = Math.max(slowestMs, performance.now() - sent)
        }),
      )
    }
    await Promise.all(running)
    return { flavors, messages: running.length, slowestMs }
  },
}

serve(providersMethods, async () => {
  await Promise.all(
    [...catalogs.values()].flatMap(({ providers }) => providers.map(({ caller }) => caller.close())),
  )
})
