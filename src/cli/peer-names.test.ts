import { describe, expect, it } from 'vitest'
import type { ControlClient } from './control-client.ts'
import { hasNodeIds, peerNames, withNodeNames } from './peer-names.ts'

const ALPHA = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
const BETA = 'did:key:z6MkgYGF3thn8k1Fv4p4dWXKtsXCnLH7q9yw4QgNPULDmDKB'

describe('texts that speak of nodes', () => {
  it('get names for ids, and short forms where there is no name', () => {
    const text = `waiting for ${ALPHA}, then (${BETA})`
    expect(hasNodeIds(text)).toBe(true)
    expect(withNodeNames(text, new Map([[ALPHA, 'alpha']]))).toBe('waiting for alpha, then (z6MkgY…mDKB)')
    expect(withNodeNames(text)).toBe('waiting for z6MkpT…vktH, then (z6MkgY…mDKB)')
    for (const plain of ['', 'did:key:z6Mk', 'did:web:example.org']) {
      expect(hasNodeIds(plain)).toBe(false)
      expect(withNodeNames(plain)).toBe(plain)
    }
  })
})

describe('the names of peers', () => {
  const answering = (peers: readonly object[]): ControlClient =>
    ({ get: () => Promise.resolve({ id: ALPHA, name: 'alpha', peers }) }) as unknown as ControlClient

  it('are those of accepted ones only: a stranger may call itself anything', async () => {
    const peers = [
      { id: BETA, name: 'beta', phase: 'Accepted' },
      { id: 'stranger', name: 'bank', phase: 'Known' },
      { address: '127.0.0.1:1', phase: 'Unknown' },
    ]
    expect([...(await peerNames(answering(peers)))]).toEqual([
      [ALPHA, 'alpha'],
      [BETA, 'beta'],
    ])
  })

  it('are not used when two nodes have the same', async () => {
    const peers = [{ id: BETA, name: 'alpha', phase: 'Accepted' }]
    expect([...(await peerNames(answering(peers)))]).toEqual([])
  })

  it('are done without when the node does not tell', async () => {
    const silent = { get: () => Promise.reject(new Error('no')) } as unknown as ControlClient
    expect((await peerNames(silent)).size).toBe(0)
  })
})
