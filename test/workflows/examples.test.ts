/** Every manifest in `examples/` runs, and does what its comment says. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ContractKind } from '../../src/objects/contract.ts'
import { DeploymentKind, type Deployment } from '../../src/objects/core/deployment.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { ServiceKind } from '../../src/objects/core/service.ts'
import { FactKind } from '../../src/objects/fact.ts'
import { IntentKind, type Intent } from '../../src/objects/intent.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { judgeIntent } from '../../src/service-handler/index.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import { CONSUMER, intentOf, isRunning, provider, until } from '../support/scenario.ts'

type Names = 'consumer' | 'cheap' | 'dear'

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))
const names = readdirSync(EXAMPLES).map((file) => file.replace(/\.yaml$/, ''))
const textOf = (name: string): string => readFileSync(`${EXAMPLES}${name}.yaml`, 'utf8')

/** `cheap` asks 1 EUR per hour for all it has, `dear` 20 EUR; `dear` is in Turin and has papers. */
const CHEAP: MarketConfig = provider('8', '1')
const DEAR: MarketConfig = provider('8', '40')
const TURIN = { location: { city: 'Turin', country: 'Italy' } }
const PAPERS = {
  properties: { securityStandards: ['GDPR', 'ISO 27001'], additionalProperties: { TEE: true } },
}

let market: Market<Names>
afterEach(() => market.stop())

async function apply(
  name: string,
  cheap: MarketConfig = CHEAP,
  dear: MarketConfig = DEAR,
  waits = false,
  before: () => Promise<unknown> = async () => undefined,
): Promise<Intent> {
  market = await startMarket(61, { consumer: { ...CONSUMER, peers: ['cheap', 'dear'] }, cheap, dear })
  await market.simulation.advance(1_000)
  await before()
  const { consumer } = market.nodes
  const { kind, metadata, ...rest } = parse(textOf(name)) as Intent
  const object = { ...rest, kind, metadata: { ...metadata, namespace: 'default' } }
  if (kind === 'Deployment') await consumer.store.create(DeploymentKind, object as unknown as Deployment)
  else {
    expect(judgeIntent(object)).toEqual([])
    await consumer.store.create(IntentKind, object)
  }
  if (!waits) await until(market, consumer, () => isRunning(consumer, name))
  return (await intentOf(consumer, name))!
}

const sellers = async (): Promise<readonly string[]> =>
  (await activeContracts(market.nodes.consumer)).map(({ spec }) => spec.seller.nodeID)
const withSell = (of: MarketConfig, more: object): MarketConfig => ({ ...of, sell: { ...of.sell!, ...more } })

const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  async hello() {
    await apply('hello')
    expect(await sellers()).toEqual([market.nodes.cheap.id])
  },
  async 'price-limit'() {
    await apply('price-limit', DEAR, DEAR, true)
    await market.simulation.advance(30_000)
    const { consumer } = market.nodes
    expect((await intentOf(consumer, 'price-limit'))!.status).toMatchObject({ phase: 'Acquiring' })
    const solver = await consumer.store.get(SolverKind, { namespace: 'default', name: 'price-limit' })
    expect(solver!.status!.considered!.map(({ reason }) => reason)).toEqual(['over-price', 'over-price'])
    await market.stop()
    await apply('price-limit')
    expect(await sellers()).toEqual([market.nodes.cheap.id])
    const [contract] = (await market.nodes.consumer.store.list(ContractKind)).items
    const { spec, metadata } = contract!
    const lasts = Date.parse(spec.expirationTime!) - Date.parse(metadata.creationTimestamp)
    expect(Math.abs(lasts - 12 * 3_600_000)).toBeLessThan(5_000)
  },
  async place() {
    await apply('place', CHEAP, withSell(DEAR, TURIN))
    expect(await sellers()).toEqual([market.nodes.dear.id])
  },
  async parts() {
    const { status } = await apply('parts')
    expect(await sellers()).toHaveLength(2)
    expect(new Set(status!.requests!.map(({ node }) => node)).size).toBe(2)
  },
  async service() {
    const { status } = await apply('service')
    expect(status!.url).toMatch(/^http:\/\/127\./)
    const services = (await market.nodes.consumer.store.list(ServiceKind)).items
    expect(services.map(({ metadata }) => metadata.name)).toEqual(['service'])
  },
  async duration() {
    await apply('duration')
    const { consumer } = market.nodes
    await market.simulation.advance(31 * 60_000)
    expect((await intentOf(consumer, 'duration'))!.status).toMatchObject({
      phase: 'Failed',
      message: expect.stringMatching(/expired.*onFailure: Stop/),
    })
    expect(await sellers()).toEqual([])
    expect((await consumer.store.list(DeploymentKind)).items).toEqual([])
  },
  async latency() {
    await apply('latency', CHEAP, DEAR, false, async () => {
      const { consumer, cheap } = market.nodes
      market.network.setFaults({ latencyMs: 100 }, [consumer.address, cheap.address])
      // Until it was measured again.
      await market.simulation.advance(5 * 60_000)
    })
    expect(await sellers()).toEqual([market.nodes.dear.id])
  },
  async replace() {
    await apply('replace')
    const { consumer, cheap, dear } = market.nodes
    const [sold] = await activeContracts(cheap)
    await cheap.store.delete(ContractKind, sold!.metadata)
    await until(market, consumer, async () => (await sellers()).includes(dear.id))
    await until(market, consumer, () => isRunning(consumer, 'replace'))
    expect(await sellers()).toEqual([dear.id])
  },
  async weights() {
    await apply('weights', CHEAP, DEAR, false, async () => {
      const { consumer, dear } = market.nodes
      const at = new Date(market.simulation.now()).toISOString()
      for (let index = 0; index < 10; index++) {
        const metadata = { namespace: 'default', name: `delivered-${index}` }
        await consumer.store.create(FactKind, { metadata, spec: { about: dear.id, type: 'Delivered', at } })
      }
      await market.simulation.advance(1_000)
    })
    expect(await sellers()).toEqual([market.nodes.dear.id])
    await market.stop()
    // Where nobody is rated, the price decides between equals.
    await apply('weights')
    expect(await sellers()).toEqual([market.nodes.cheap.id])
  },
  async standards() {
    await apply('standards', CHEAP, withSell(DEAR, PAPERS))
    expect(await sellers()).toEqual([market.nodes.dear.id])
  },
  async replicas() {
    await apply('replicas')
    const pods = (await market.nodes.consumer.store.list(PodKind)).items
    expect(pods).toHaveLength(3)
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(1)
    expect(await sellers()).toHaveLength(1)
  },
  async deployment() {
    const { spec } = await apply('deployment')
    expect(spec).toMatchObject({ workloadRef: { name: 'deployment' }, requirements: { maxLatencyMs: 200 } })
    expect(await sellers()).toHaveLength(1)
  },
}

it.each(names)('%s ends as its comment says', async (name) => {
  expect(textOf(name)).toMatch(/^#/)
  expect(Object.keys(SCENARIOS)).toContain(name)
  await SCENARIOS[name]!()
  await market.simulation.advance(10_000)
  expect(await contradictions(market)).toEqual([])
})
