import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { IntentSpec } from '../objects/intent.ts'
import { isBeingRestarted, isPlacedAsWanted, specHash } from './spec-hash.ts'

const requests = [{ name: 'web', workload: 'web', amounts: { cpu: '1', memory: '1Gi' } }]
const spec: IntentSpec = { duration: '1h', requirements: { maxLatencyMs: 5, location: { city: 'Turin' } } }
const hash = specHash({ spec }, requests)

it('is the same whatever the order of the members, and another when what is wanted changes', () => {
  const turned = [{ amounts: { memory: '1Gi', cpu: '1' }, workload: 'web', name: 'web' }]
  expect(specHash({ spec }, turned)).toBe(hash)
  expect(specHash({ spec: { ...spec, onFailure: 'Replace' } }, requests)).toBe(hash)
  expect(specHash({ spec: { ...spec, duration: '2h' } }, requests)).not.toBe(hash)
  expect(specHash({ spec }, [{ ...requests[0]!, amounts: { cpu: '2' } }])).not.toBe(hash)
})

it('knows what an earlier version wrote, so that nothing restarts because of an upgrade', () => {
  const { requirements, placement, weights, duration } = spec
  const before = JSON.stringify([requests, requirements, placement, weights, duration])
  const wish = createHash('sha256').update(before).digest('hex').slice(0, 16)
  expect(isPlacedAsWanted({ spec }, requests, { wish })).toBe(true)
  expect(isPlacedAsWanted({ spec: { ...spec, duration: '2h' } }, requests, { wish })).toBe(false)
  expect(isPlacedAsWanted({ spec }, requests, { specHash: hash })).toBe(true)
  expect(isPlacedAsWanted({ spec }, requests, {})).toBe(false)
})

it('is taken away first when everything is given back, so that this is seen after a crash', () => {
  const placed = [{ name: 'web', workload: 'web' }]
  expect(isBeingRestarted({ requests: placed })).toBe(true)
  expect(isBeingRestarted({ requests: placed, specHash: hash })).toBe(false)
  expect(isBeingRestarted({ requests: placed, wish: 'x' })).toBe(false)
  expect(isBeingRestarted({})).toBe(false)
})
