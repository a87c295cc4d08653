import { describe, expect, it } from 'vitest'
import { ContractKind, type Contract } from './contract.ts'
import { ALL_KINDS } from './index.ts'

describe('retention', () => {
  it('is stated by every kind, and names kinds that there are', () => {
    expect(ALL_KINDS.filter(({ retention }) => retention === undefined).map(({ kind }) => kind)).toEqual([])
    const names = ALL_KINDS.map(({ kind }) => kind)
    for (const { retention } of ALL_KINDS) {
      if (retention?.mode === 'owned') expect(names).toContain(retention.by)
      if (retention !== undefined && 'summedInto' in retention) expect(names).toContain(retention.summedInto)
    }
  })

  describe('of a contract', () => {
    const { retention } = ContractKind
    if (retention?.mode !== 'archive') throw new Error('a contract is archived')
    const contract = (status: object, spec: object = {}): Contract =>
      ({
        metadata: { name: 'c' },
        spec: {
          role: 'seller',
          buyer: { nodeID: 'b' },
          seller: { nodeID: 's' },
          expirationTime: '2030-06-01T00:00:00Z',
          ...spec,
        },
        status,
      }) as unknown as Contract
    const closed = { phase: { phase: 'Closed', endTime: '2030-01-02T00:00:00Z' } }

    it('does not begin before it is over', () => {
      expect(retention.since(contract({ phase: { phase: 'Active' } }))).toBeUndefined()
      expect(retention.since(contract({ phase: { phase: 'Closing' } }))).toBeUndefined()
    })

    it('begins at its end when both sides have signed how it ended, else when its time is over', () => {
      const signatures = (ids: string[]) => ({
        ...closed,
        closing: { signatures: Object.fromEntries(ids.map((id) => [id, 'x'])) },
      })
      expect(retention.since(contract(signatures(['s', 'b'])))).toBe(Date.UTC(2030, 0, 2))
      expect(retention.since(contract(signatures(['s'])))).toBe(Date.UTC(2030, 5, 1))
      expect(retention.since(contract({ phase: { ...closed.phase, phase: 'Expired' } }))).toBe(
        Date.UTC(2030, 0, 2),
      )
    })

    it('keeps the signed document as it is, who it is of and for how much; making it smaller twice changes nothing', () => {
      const document = { flavor: { everything: 1 }, signature: 'x' }
      const flavor = {
        metadata: { name: 'f' },
        spec: {
          providerID: 's',
          flavorType: { typeIdentifier: 'K8Slice', typeData: { characteristics: { cpu: '4' } } },
          owner: { nodeID: 's' },
          price: { amount: '1' },
          availability: true,
          location: { city: 'Turin' },
        },
      }
      const price = { amount: '1', currency: 'EUR', period: 'hour' }
      const smaller = retention.compact(contract(closed, { document, flavor, price }))!
      expect(smaller.spec.document).toEqual(document)
      expect(smaller.spec).toMatchObject({
        price,
        flavor: { metadata: { name: 'f' }, spec: { owner: { nodeID: 's' } } },
      })
      expect(JSON.stringify(smaller.spec.flavor)).not.toMatch(/Turin|characteristics/)
      expect(retention.compact(smaller)).toBeUndefined()
      // One of which there is no document has nothing to spare.
      expect(retention.compact(contract(closed, { flavor }))).toBeUndefined()
    })
  })
})
