import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { deadline } from '../../src/kernel/system.ts'
import type { Transport, TransportErrorCode } from '../../src/rear/transport/index.ts'
import { testIdentity } from './identities.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from './simulated-network.ts'
import { createSimulatedSystem, type SimulatedSystem } from './simulated-system.ts'

const A = 'alice:1'
const B = 'bob:1'
const alice = testIdentity('alice')
const bob = testIdentity('bob')
const never = new AbortController().signal

let simulation: SimulatedSystem
let network: SimulatedNetwork
let client: Transport
let server: Transport
let served: number

async function build(seed: number): Promise<void> {
  simulation = createSimulatedSystem(seed)
  network = createSimulatedNetwork({ system: simulation.system, seed, log: silentLog })
  client = network.transport(alice, A)
  server = network.transport(bob, B)
  served = 0
  await listen(server)
}

async function listen(transport: Transport): Promise<void> {
  await transport.listen({
    host: '',
    port: 0,
    handler: () => {
      served++
      return Promise.resolve({ status: 200, headers: {}, body: 'ok' })
    },
    onStream: ({ duplex }) => void duplex.pipe(duplex),
  })
}

beforeEach(() => build(1))

/** Asks with a deadline on the simulated clock, and lets time pass until there is an outcome. */
async function ask(transport = client, limitMs = 10_000): Promise<number | TransportErrorCode> {
  let outcome: number | TransportErrorCode | undefined
  const limit = deadline(simulation.system.clock, limitMs)
  transport
    .request({ address: transport === client ? B : A }, { method: 'POST', path: '/', signal: limit.signal })
    .then(
      ({ status }) => (outcome = status),
      (error: { code: TransportErrorCode }) => (outcome = error.code),
    )
    .finally(() => limit.done())
    .catch(() => undefined)
  await simulation.runUntil(() => outcome !== undefined, { limitMs: limitMs + 1000 })
  return outcome!
}

describe('simulated network', () => {
  it('takes the time that the link takes, there and back', async () => {
    network.setFaults({ latencyMs: 40 }, [B, A])
    const before = simulation.now()
    expect(await ask()).toBe(200)
    expect(simulation.now() - before).toBe(80)
  })

  it('loses requests and answers alike: the caller waits in vain, the handler may have run', async () => {
    network.setFaults({ loss: 0.5 })
    const outcomes: (number | TransportErrorCode)[] = []
    for (let index = 0; index < 100; index++) outcomes.push(await ask())
    const answered = outcomes.filter((outcome) => outcome === 200).length
    expect(outcomes.filter((outcome) => outcome === 'timeout')).toHaveLength(100 - answered)
    expect(answered).toBeGreaterThan(10)
    expect(answered).toBeLessThan(40)
    expect(served).toBeGreaterThan(answered)
    expect(network.stats.lost).toBe(100 - answered)
  })

  it('delivers requests twice', async () => {
    network.setFaults({ duplication: 1 })
    expect(await ask()).toBe(200)
    await simulation.settle()
    expect(served).toBe(2)
  })

  it('does the same again with the same seed', async () => {
    const run = async (seed: number): Promise<unknown> => {
      await build(seed)
      network.setFaults({ loss: 0.3, duplication: 0.3, latencyMs: 10, jitterMs: 100 })
      const outcomes: unknown[] = []
      for (let index = 0; index < 50; index++) outcomes.push(await ask(), simulation.now())
      return outcomes
    }
    const first = await run(42)
    expect(await run(42)).toEqual(first)
    expect(await run(43)).not.toEqual(first)
  })

  it('lets nothing through a partition, in either direction, until it is healed', async () => {
    await client.listen({
      host: '',
      port: 0,
      handler: () => Promise.resolve({ status: 200, headers: {}, body: undefined }),
      onStream: () => undefined,
    })
    const duplex = await client.openStream({ address: B }, { path: '/', signal: never })
    network.partition(B, A)
    expect(duplex.errored).toMatchObject({ code: 'unreachable' })
    expect(await ask(client)).toBe('timeout')
    expect(await ask(server)).toBe('timeout')
    expect(served).toBe(0)
    network.heal(A, B)
    expect(await ask(client)).toBe(200)
  })

  it('a killed node answers nothing, sends nothing, and may be started again', async () => {
    await client.listen({
      host: '',
      port: 0,
      handler: () => Promise.resolve({ status: 200, headers: {}, body: undefined }),
      onStream: () => undefined,
    })
    const duplex = await client.openStream({ address: B }, { path: '/', signal: never })
    network.setFaults({ latencyMs: 10 })
    let outcome: unknown
    client
      .request({ address: B }, { method: 'GET', path: '/', signal: never })
      .catch((error: unknown) => (outcome = error))
    await simulation.advance(5)
    network.kill(B)
    await simulation.advance(50)
    expect(outcome).toMatchObject({ code: 'unreachable' })
    expect(duplex.errored).toMatchObject({ code: 'unreachable' })
    expect(await ask(client)).toBe('unreachable')
    expect(await ask(server)).toBe('unreachable')
    await listen(network.transport(bob, B))
    expect(await ask(client)).toBe(200)
  })

  it('delays what goes through a stream, in order', async () => {
    network.setFaults({ latencyMs: 100 })
    const opening = client.openStream({ address: B }, { path: '/', signal: never })
    let duplex: Duplex | undefined
    void opening.then((open) => (duplex = open))
    await simulation.runUntil(() => duplex !== undefined, { limitMs: 1000 })
    const before = simulation.now()
    for (const word of ['one ', 'two ', 'three']) duplex!.write(word)
    duplex!.end()
    let echoed: string | undefined
    void text(duplex!).then((all) => (echoed = all))
    await simulation.runUntil(() => echoed !== undefined, { limitMs: 10_000 })
    expect(echoed).toBe('one two three')
    expect(simulation.now() - before).toBeGreaterThanOrEqual(200)
  })

  it('resets streams of a listener that is closed', async () => {
    const duplex = await client.openStream({ address: B }, { path: '/', signal: never })
    duplex.write('x')
    await once(duplex, 'data')
    const closed = new Promise((resolve) => duplex.once('close', resolve))
    await server.close()
    await closed
    expect(duplex.errored).toMatchObject({ code: 'unreachable' })
  })
})
