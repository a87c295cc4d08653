import { Compile } from 'typebox/compile'
import { expect, it } from 'vitest'
import { SignedClosingSchema } from './closing-statement.ts'

const schema = Compile(SignedClosingSchema)
const closing = (signatures: Readonly<Record<string, string>>) => ({
  statement: { contractID: 'c', closedBy: 'did:key:a', reason: 'done', closedAt: '2030-01-01T00:00:00Z' },
  signatures,
})

it('has the signatures of two sides, and no room for anything else', () => {
  const jws = 'x'.repeat(250)
  expect(schema.Check(closing({ a: jws, b: jws }))).toBe(true)
  expect(schema.Check(closing({ a: jws, b: jws, c: jws }))).toBe(false)
  expect(schema.Check(closing({ a: 'x'.repeat(2_000) }))).toBe(false)
})
