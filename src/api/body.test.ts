import { describe, expect, it } from 'vitest'
import { decodeBody } from './body.ts'

const json = (text: string | Buffer): unknown => decodeBody('application/json', Buffer.from(text))
const yaml = (text: string): unknown => decodeBody('application/yaml; charset=utf-8', Buffer.from(text))
const bad = expect.objectContaining({ reason: 'BadRequest' }) as Error

describe('decodeBody', () => {
  it('reads JSON and YAML', () => {
    expect(json('{"a":[1]}')).toEqual({ a: [1] })
    expect(yaml('a: [1]\nb: &x {c: 2}\nd: *x')).toEqual({ a: [1], b: { c: 2 }, d: { c: 2 } })
    expect(decodeBody(undefined, Buffer.from('{}'))).toEqual({})
  })

  it('refuses other media types', () => {
    for (const type of [
      'application/vnd.kubernetes.protobuf',
      'application/x-www-form-urlencoded',
      'text/plain',
    ]) {
      expect(() => decodeBody(type, Buffer.from('{}'))).toThrow(expect.objectContaining({ code: 415 }))
    }
  })

  it.each([
    ['nothing', ''],
    ['garbage', '{"a":'],
    ['bad UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['a very deep list', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['a very deep object', '{"a":'.repeat(150_000) + '1' + '}'.repeat(150_000)],
    ['__proto__', '{"a":{"__proto__":{"b":1}}}'],
  ])('refuses %s in JSON', (_title, text) => expect(() => json(text)).toThrow(bad))

  it.each([
    ['garbage', 'a: [1'],
    ['duplicate members', 'a: 1\na: 2'],
    ['several documents', 'a: 1\n---\nb: 2'],
    ['a very deep flow', '['.repeat(100_000)],
    ['a very deep block', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['very many dashes', '- '.repeat(200_000)],
    ['a billion laughs', laughs()],
    ['__proto__', 'a: {__proto__: {b: 1}}'],
    ['a flow spread over lines', '[\n'.repeat(50_000)],
  ])('refuses %s in YAML', (_title, text) => expect(() => yaml(text)).toThrow(bad))
})

function laughs(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
  for (let index = 1; index < 10; index++) {
    lines.push(`a${index}: &a${index} [${Array.from({ length: 10 }, () => `*a${index - 1}`).join(',')}]`)
  }
  return lines.join('\n')
}
