import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import { isObjectName } from './meta.ts'
import { PeerKind, peerName } from './peer.ts'

describe('Peer', () => {
  it('has a name that is an object name, the same for the same node and another for another', () => {
    const name = peerName('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')
    expect(name).toMatch(/^peer-[0-9a-f]{16}$/)
    expect(isObjectName(name)).toBe(true)
    expect(peerName('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')).toBe(name)
    expect(peerName('somebody else')).not.toBe(name)
  })

  it('has a schema that takes what users write and refuses what they mistype', () => {
    const validator = Compile(PeerKind.schema)
    const peer = (spec: unknown): unknown => ({
      apiVersion: 'tributary.io/v1alpha1',
      kind: 'Peer',
      metadata: { name: 'bob' },
      spec,
    })
    expect(validator.Check(peer({ source: 'configured', address: 'bob:4433', accepted: true }))).toBe(true)
    expect(validator.Check(peer({ source: 'hearsay' }))).toBe(false)
    expect(validator.Check(peer({ source: 'configured', accepted: 'yes' }))).toBe(false)
  })
})
