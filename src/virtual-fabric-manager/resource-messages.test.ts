import { describe, expect, it } from 'vitest'
import { decodeOffer } from './resource-messages.ts'

const ID = 'contract-1'
const resources = { cpu: '1' }

describe('a RESOURCE_OFFER', () => {
  it('is about the contract that was asked for, whatever it says', () => {
    const body = { status: 'Accepted', contractID: 'another', resources, unknown: 1 }
    expect(decodeOffer(body, ID)).toEqual({
      status: 'Accepted',
      contractID: ID,
      resources,
      nodeLabels: {},
      enforcement: 'unknown',
    })
  })

  it('may be pending, with a payload that passes as it is and a time to ask again', () => {
    const payload = { nonce: 'n', nested: [{ a: 1 }] }
    const body = { status: 'Pending', contractID: ID, reason: 'Signing', message: 'm', payload }
    expect(decodeOffer({ ...body, retryAfterMs: 5 }, ID)).toMatchObject({ payload, retryAfterMs: 5 })
    expect(decodeOffer(body, ID)).toMatchObject({ reason: 'Signing', retryAfterMs: 1_000 })
  })

  it.each([
    [undefined],
    ['Accepted'],
    [{ status: 'Perhaps', contractID: ID }],
    [{ status: 'Accepted', contractID: ID }],
    [{ status: 'Accepted', contractID: ID, resources: { cpu: 1 } }],
    [{ status: 'Pending', contractID: ID, retryAfterMs: -1 }],
    [{ status: 'Pending', contractID: ID, payload: 'text' }],
  ])('is not %j', (body) => {
    expect(decodeOffer(body, ID)).toBeUndefined()
  })
})
