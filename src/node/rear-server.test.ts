import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from '../../test/support/simulated-network.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { effectiveConfig } from '../config/index.ts'
import { silentLog } from '../kernel/log.ts'
import { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { RearGate } from './rear-gate.ts'
import { RearServer } from './rear-server.ts'

const ADDRESS = 'server.test:1'
const { rear } = effectiveConfig({ name: 'server' })
const config = { rear }
const identity = testIdentity('server')

let simulation: SimulatedSystem
let network: SimulatedNetwork
let server: RearServer
let gate: RearGate
let client: RearClient
let asked: number

beforeEach(async () => {
  simulation = createSimulatedSystem(1)
  network = createSimulatedNetwork({ system: simulation.named('network'), seed: 1, log: silentLog })
  asked = 0
  const route: Route = {
    method: 'GET',
    path: '/table',
    operationId: 'table',
    summary: 'what is loaded when the node starts',
    access: 'anyone',
    responses: { 200: { description: 'all of it' } },
    handle: async () => ({ status: 200, body: ++asked }),
  }
  server = new RearServer({
    config,
    transport: network.transport(identity, ADDRESS),
    system: simulation.named('server'),
    log: silentLog,
  })
  gate = new RearGate({
    rearServer: server,
    config,
    log: silentLog,
    routes: [route],
    informers: { of: () => ({ onChange: () => () => undefined }) } as never,
    registry: { authorize: () => ({ allowed: true }), standing: () => 'accepted' } as never,
    contracts: { isUser: () => false } as never,
    networkManager: { takesStream: () => false, onStream: () => undefined } as never,
    fabric: { onStream: () => false } as never,
  })
  await server.start()
  client = new RearClient({
    transport: network.transport(testIdentity('client'), 'client.test:1'),
    system: simulation.named('client'),
    log: silentLog,
  })
})
afterEach(async () => {
  await server.stop()
})

function ask(timeoutMs: number): Promise<unknown> {
  return client
    .call({ address: ADDRESS, id: identity.id }, { method: 'GET', path: '/table', timeoutMs })
    .then(({ body }) => body)
}

describe('a node that is starting', () => {
  it('answers nothing from tables that are not loaded: 503, and when to come back', async () => {
    const response = await server.handler({
      method: 'GET',
      path: '/table',
      headers: {},
      body: undefined,
      peer: undefined,
      signal: new AbortController().signal,
    } as never)
    expect(response).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(JSON.parse(response.body as string)).toMatchObject({ code: 'unavailable' })
    expect(() => server.onStream({ path: '/x', peer: { id: identity.id } } as never)).toThrow(
      expect.objectContaining({ status: 503 }),
    )
    expect(asked).toBe(0)
  })

  it('is waited for by a client that has the time, and answers as soon as it is ready', async () => {
    const answer = ask(5_000)
    await simulation.advance(1_500)
    await gate.start()
    await simulation.advance(1_000)
    expect(await answer).toBe(1)
  })

  it('says so to a client that has not', async () => {
    const refused = ask(500).catch((error: unknown) => error)
    await simulation.advance(400)
    expect(isProblem(await refused, 'unavailable')).toBe(true)
  })

  it('answers nothing any more from the moment it stops', async () => {
    await gate.start()
    const before = ask(500)
    await simulation.advance(100)
    expect(await before).toBe(1)
    await gate.stop()
    const after = ask(500).catch((error: unknown) => error)
    await simulation.advance(100)
    expect(isProblem(await after, 'unavailable')).toBe(true)
  })
})
