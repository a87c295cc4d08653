/** The spans of a workflow: one tree, rooted at the intent, across all nodes. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { TraceEvent } from '../../src/objects/trace.ts'
import { fourNodes } from '../support/four-nodes.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { CONSUMER, intent, provider, run, traceOfAll } from '../support/scenario.ts'

describe('the spans of a workflow', () => {
  let market: Market<string>
  afterEach(() => market.stop())

  it('form one tree in workflow 1: what the provider does hangs below the messages of the consumer', async () => {
    const two = await startMarket(11, {
      consumer: { ...CONSUMER, peers: ['seller'] },
      seller: provider('4', '1'),
    })
    market = two
    await two.simulation.advance(1_000)
    const expectFewCalls = countCalls(Object.values(two.nodes))
    const done = await run(two, two.nodes.consumer, intent('tree', '1'))
    await two.simulation.advance(1_000)
    expectFewCalls()
    const { workflow, events } = await traceOfAll(two, two.nodes.consumer, done)
    expect(workflow).toBe(1)
    expectOneTree(events, ['consumer', 'seller'])
    expect(parentOf(events, 'flavors-looked-up')).toMatchObject({ node: 'consumer', action: 'list-sent' })
    expect(parentOf(events, 'contract-drafted')).toMatchObject({ node: 'consumer', action: 'reserve-sent' })
    expect(parentOf(events, 'contract-found')).toMatchObject({
      node: 'consumer',
      action: 'resources-requested',
    })
    expect(parentOf(events, 'reserve-sent')).toMatchObject({ node: 'consumer', action: 'reserve-asked' })
  })

  it('form one tree in workflow 3, through both supernodes', async () => {
    const four = await fourNodes(5)
    market = four
    const done = await run(four, four.nodes.consumer, intent('tree', '1'))
    const { workflow, events } = await traceOfAll(four, four.nodes.consumer, done)
    expect(workflow).toBe(3)
    expectOneTree(events, ['consumer', 'cs', 'ps', 'provider'])
    // From the provider hop by hop back to the intent.
    const way: string[] = []
    let each: TraceEvent | undefined = events.find(({ action }) => action === 'contract-drafted')
    while (each) {
      if (way.at(-1) !== each.node) way.push(each.node)
      each = events.find(({ spanID }) => spanID === each!.parentSpanID)
    }
    expect(way).toEqual(['provider', 'ps', 'cs', 'consumer'])
  })
})

/** @returns a check that what was recorded meanwhile cost each node no more than a few calls of its store */
function countCalls(nodes: readonly MarketNode[]): () => void {
  const kinds = new Set(['Trace', 'Fact', 'Rating'])
  const methods = ['get', 'list', 'create', 'update', 'patch', 'delete'] as const
  const counted = nodes.map(({ store }) => methods.map((method) => vi.spyOn(store, method)))
  return () => {
    for (const spies of counted) {
      const kindsOf = (calls: readonly (readonly unknown[])[]): string[] =>
        calls.map(([kind]) => (kind as { readonly kind: string }).kind).filter((kind) => kinds.has(kind))
      const calls = spies.flatMap((spy) => kindsOf(spy.mock.calls))
      expect(calls.filter((kind) => kind === 'Trace').length).toBeLessThanOrEqual(6)
      expect(calls.filter((kind) => kind !== 'Trace').length).toBeLessThanOrEqual(3)
      expect(kindsOf([...spies[0]!.mock.calls, ...spies[1]!.mock.calls])).toEqual([])
      // It can fail: something was written.
      expect(calls).toEqual(expect.arrayContaining(['Trace', 'Fact', 'Rating']))
    }
    vi.restoreAllMocks()
  }
}

function parentOf(events: readonly TraceEvent[], action: string): TraceEvent | undefined {
  const child = events.find((event) => event.action === action && event.outcome === 'ok')
  return events.find(({ spanID }) => spanID === child?.parentSpanID)
}

function expectOneTree(events: readonly TraceEvent[], nodes: readonly string[]): void {
  const spans = new Map(events.map((event) => [event.spanID, event]))
  expect(spans.has(undefined)).toBe(false)
  expect(spans.size).toBe(events.length)
  for (const { spanID } of events) expect(spanID).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
  const roots = events.filter(({ parentSpanID }) => parentSpanID === undefined)
  expect(roots.map(({ action }) => action)).toEqual(['intent-accepted'])
  const orphans = events.filter(({ parentSpanID }) => parentSpanID !== undefined && !spans.has(parentSpanID))
  expect(orphans.map(({ node, action }) => `${node} ${action}`)).toEqual([])
  expect([...new Set(events.map(({ node }) => node))].sort()).toEqual([...nodes].sort())
  // No circle: from everywhere up to the root.
  for (const event of events) {
    let at: TraceEvent | undefined = event
    for (let steps = 0; at && at.parentSpanID !== undefined; steps++) {
      expect(steps).toBeLessThan(events.length)
      at = spans.get(at.parentSpanID)
    }
    expect(at).toBe(roots[0])
  }
}
