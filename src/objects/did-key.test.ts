import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase58, didOfEd25519Key, ed25519KeyOfDid, encodeBase58 } from './did-key.ts'
import { IdError, isNodeId, parseContractId, parseNodeId } from './ids.ts'

describe('base58btc', () => {
  it.each([
    ['', ''],
    ['00', '1'],
    ['0000287fb4cd', '11233QC4'],
    ['48656c6c6f20576f726c6421', '2NEpo7TZRRrLZSi2U'],
  ])('encodes %j as %j and back (published vectors)', (hex, text) => {
    expect(encodeBase58(Buffer.from(hex, 'hex'))).toBe(text)
    expect(Buffer.from(decodeBase58(text)!).toString('hex')).toBe(hex)
  })

  it('is undone by decoding, for all bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect([...decodeBase58(encodeBase58(bytes))!]).toEqual([...bytes])
      }),
    )
  })

  it('refuses letters that are not of its alphabet', () => {
    for (const text of ['0', 'O', 'I', 'l', '+', 'a b']) expect(decodeBase58(text)).toBeUndefined()
  })
})

describe('did:key', () => {
  // From the did:key specification's examples.
  const example = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

  it('reads a published identifier and writes the same again', () => {
    const key = ed25519KeyOfDid(example)!
    expect(key).toHaveLength(32)
    expect(didOfEd25519Key(key)).toBe(example)
    expect(isNodeId(example)).toBe(true)
  })

  it('is undone by decoding, for all keys', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect([...ed25519KeyOfDid(didOfEd25519Key(key))!]).toEqual([...key])
      }),
    )
  })

  it.each([
    ['another method', example.replace('did:key', 'did:web')],
    ['another base', example.replace(':z', ':m')],
    ['a letter missing', example.slice(0, -1)],
    ['a letter too many', `${example}1`],
    ['a key of another type', 'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'],
    ['white space', `${example.slice(0, -1)} `],
    ['a name of an upstream node', 'node-prov'],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    expect(() => parseNodeId(text)).toThrow(expect.objectContaining({ code: 'malformed-node-id' }) as IdError)
  })
})

describe('the id of a contract', () => {
  it('is whatever others made, as long as it is printable and short', () => {
    expect(parseContractId('contract-aaaa')).toBe('contract-aaaa')
    for (const text of ['', 'a b', 'a\n', 'x'.repeat(254), 'ü']) {
      expect(() => parseContractId(text)).toThrow(IdError)
    }
  })
})
