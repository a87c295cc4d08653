import fc from 'fast-check'
import { compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import {
  canonicalize,
  publicKeyOf,
  signDocument,
  SignatureError,
  verifyDocument,
  type SignatureErrorCode,
} from './index.ts'

const alice = testIdentity('alice')
const bob = testIdentity('bob')
const type = 'test-document'
const document = { amount: '4', list: [1, { b: null, a: 'ü' }], name: 'x' }

function failsWith(code: SignatureErrorCode): SignatureError {
  return expect.objectContaining({ name: 'SignatureError', code }) as SignatureError
}

function withHeader(jws: string, header: unknown): string {
  return `${Buffer.from(JSON.stringify(header)).toString('base64url')}..${jws.split('.')[2]!}`
}

describe('canonical JSON', () => {
  it('is that of the example in RFC 8785, 3.2.2', () => {
    const input = JSON.parse(
      String.raw`{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
      }`,
    ) as unknown
    expect(canonicalize(input)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],` +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  it('sorts members as RFC 8785, 3.2.3 does: by UTF-16 code units', () => {
    const input = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
    const values = canonicalize(input).match(/:(\d)/g)!.join('')
    expect(values).toBe(':2:4:6:7:1:5:3')
  })

  it('says so when there is none', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown
    for (const bad of [NaN, Infinity, undefined, '\ud800', cycle, deep, 1n, { a: NaN }]) {
      expect(() => canonicalize(bad)).toThrow(failsWith('malformed'))
    }
  })
})

describe('document signatures', () => {
  it('prove who signed, whatever the order of members and after a trip through JSON', () => {
    const jws = signDocument(document, { key: alice.key, type })
    const travelled = JSON.parse(JSON.stringify({ name: 'x', list: document.list, amount: '4' })) as unknown
    expect(verifyDocument(travelled, jws, { type })).toEqual({ signer: alice.id })
  })

  it('hold for any JSON document', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const jws = signDocument(value, { key: alice.key, type })
        const travelled = JSON.parse(JSON.stringify(value)) as unknown
        expect(verifyDocument(travelled, jws, { type }).signer).toBe(alice.id)
      }),
      { numRuns: 200 },
    )
  })

  it('are checked by another implementation once the payload is put back', async () => {
    const [header, , signature] = signDocument(document, { key: alice.key, type }).split('.')
    const payload = Buffer.from(canonicalize(document)).toString('base64url')
    const key = await importJWK(publicKeyOf(alice.id).export({ format: 'jwk' }), 'EdDSA')
    const { protectedHeader } = await compactVerify(`${header}.${payload}.${signature}`, key)
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: type, kid: alice.id })
  })

  it.each([
    ['a changed value', { ...document, amount: '5' }],
    ['a changed type of value', { ...document, amount: 4 }],
    ['a member more', { ...document, extra: 1 }],
    ['another order in a list', { ...document, list: [{ b: null, a: 'ü' }, 1] }],
  ])('do not hold for %s', (_what, altered) => {
    const jws = signDocument(document, { key: alice.key, type })
    expect(() => verifyDocument(altered, jws, { type })).toThrow(failsWith('bad-signature'))
  })

  it('do not hold for another signer, another type, another algorithm', () => {
    const jws = signDocument(document, { key: alice.key, type })
    const header = { alg: 'EdDSA', typ: type, kid: alice.id }
    const verify = (changed: unknown) => () => verifyDocument(document, withHeader(jws, changed), { type })
    expect(verify({ ...header, kid: bob.id })).toThrow(failsWith('bad-signature'))
    expect(verify({ ...header, typ: 'other' })).toThrow(failsWith('wrong-type'))
    expect(() => verifyDocument(document, jws, { type: 'other' })).toThrow(failsWith('wrong-type'))
    expect(verify({ ...header, alg: 'none' })).toThrow(failsWith('wrong-algorithm'))
    expect(verify({ ...header, alg: 'HS256' })).toThrow(failsWith('wrong-algorithm'))
    expect(verify({ ...header, crit: ['b64'], b64: false })).toThrow(failsWith('malformed'))
    expect(verify({ ...header, kid: 'did:web:example.org' })).toThrow(failsWith('malformed'))
    expect(verify(null)).toThrow(failsWith('malformed'))
  })

  it('have one text only: any changed letter breaks them', () => {
    const jws = signDocument(document, { key: alice.key, type })
    for (let index = 0; index < jws.length; index++) {
      for (const letter of ['A', 'B', '.', '=', ' ']) {
        const changed = jws.slice(0, index) + letter + jws.slice(index + 1)
        if (changed === jws) continue
        expect(() => verifyDocument(document, changed, { type })).toThrow(SignatureError)
      }
    }
    for (const bad of ['', '..', 'a.b.c', `${jws}.`, `${jws}=`, jws.replace('..', '.e30.')]) {
      expect(() => verifyDocument(document, bad, { type })).toThrow(failsWith('malformed'))
    }
    expect(() => verifyDocument(document, undefined as unknown as string, { type })).toThrow(
      failsWith('malformed'),
    )
  })
})
