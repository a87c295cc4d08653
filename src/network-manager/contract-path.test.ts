import { describe, expect, it } from 'vitest'
import type { Contract } from '../objects/contract.ts'
import { routerFor } from './contract-path.ts'

const contract = (phase: string | undefined, role?: 'buyer' | 'seller'): Contract =>
  ({
    metadata: { name: 'c', namespace: 'default' },
    spec: { role, buyer: { nodeID: 'N', ip: 'n:1' }, seller: { nodeID: 'P', ip: 'p:1' } },
    status: phase && { phase: { phase } },
  }) as unknown as Contract
const nowhere = (): undefined => undefined

describe('the router that a contract needs', () => {
  it('is there while the two sides have to reach each other, tearing down included', () => {
    for (const phase of ['Active', 'Closing']) {
      expect(routerFor(contract(phase, 'buyer'), 'N', undefined, nowhere)).toBeDefined()
    }
    for (const phase of [undefined, 'Closed', 'Expired', 'Failed', 'Unheard']) {
      expect(routerFor(contract(phase, 'buyer'), 'N', undefined, nowhere)).toBeUndefined()
    }
  })

  it('leads to the other side, which the role tells, or else who we are', () => {
    const consumer = { contractID: 'c', role: 'consumer', peer: { nodeID: 'P', address: 'p:1' } }
    const provider = { contractID: 'c', role: 'provider', peer: { nodeID: 'N', address: 'n:1' } }
    expect(routerFor(contract('Active', 'buyer'), undefined, undefined, nowhere)).toEqual(consumer)
    expect(routerFor(contract('Active', 'seller'), undefined, undefined, nowhere)).toEqual(provider)
    expect(routerFor(contract('Active'), 'N', undefined, nowhere)).toEqual(consumer)
    expect(routerFor(contract('Active'), 'P', undefined, nowhere)).toEqual(provider)
  })

  it('goes where the peer is now, not where it was when the contract was signed', () => {
    const router = routerFor(contract('Active', 'buyer'), 'N', undefined, (id) =>
      id === 'P' ? 'p:2' : undefined,
    )
    expect(router?.peer).toEqual({ nodeID: 'P', address: 'p:2' })
  })

  it('is as the route says: through relays, a relay, or none', () => {
    const active = contract('Active', 'buyer')
    const peer = { nodeID: 'X', address: 'x:1' }
    const path = [{ nodeID: 'P', address: 'p:1' }]
    expect(routerFor(active, 'N', { type: 'through', peer, relays: path }, nowhere)).toEqual({
      contractID: 'c',
      role: 'consumer',
      peer,
      path,
    })
    const next = { nodeID: 'Y', address: 'y:1', contractID: 'd' }
    expect(routerFor(contract('Active', 'seller'), 'P', { type: 'relay', next }, nowhere)).toEqual({
      contractID: 'c',
      role: 'relay',
      peer: { nodeID: 'N', address: 'n:1' },
      next,
    })
    expect(routerFor(active, 'N', { type: 'none' }, nowhere)).toBeUndefined()
  })
})
