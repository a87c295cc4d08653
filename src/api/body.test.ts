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
    ['__proto__', 'a: {__proto__: {b: 1}}'],
    ['a flow spread over lines', '[\n'.repeat(50_000)],
    ['a list as a name', '? [[a]]\n: 1'],
  ])('refuses %s in YAML', (_title, text) => expect(() => yaml(text)).toThrow(bad))

  it.each([
    ['JSON', 'a list of many', () => json(`[${'[],'.repeat(5000)}1]`)],
    [
      'JSON',
      'many members',
      () => json(`{"a":{${Array.from({ length: 5001 }, (_, at) => `"${at}":1`).join(',')}}}`),
    ],
    ['YAML', 'a list of many', () => yaml('- 1\n'.repeat(5001))],
    ['YAML', 'a billion laughs', () => yaml(laughs())],
    ['YAML', 'a long text of which there are aliases', () => yaml(`a: &a ${'x'.repeat(900)}\nb: [*a, *a]`)],
    ['YAML', 'a hundred aliases', () => yaml(`a: &a 1\nb:\n${'- *a\n'.repeat(101)}`)],
  ])('refuses as too large, in %s, %s', (_format, _title, read) =>
    expect(read).toThrow(expect.objectContaining({ code: 413 })),
  )

  it('reads a text of a megabyte, and takes as much longer as it is longer, whatever its shape', () => {
    const shapes: ((length: number) => string)[] = [
      (length) => `a: |\n${'  xx\n'.repeat(length / 5)}`,
      (length) => `a: "${'\\n'.repeat(length / 2)}"`,
      (length) => `a: x\n${'  x\n'.repeat(length / 4)}`,
      (length) => '#\n'.repeat(length / 2) + 'a: 1',
      (length) => `a: 1\n${'@\n'.repeat(length / 2)}`,
      (length) => Array.from({ length: length / 100 }, (_, at) => `k${at}: ${'v'.repeat(90)}`).join('\n'),
      (length) =>
        `{${Array.from({ length: length / 100 }, (_, at) => `k${at}: ${'v'.repeat(90)}`).join(',')}}`,
      // Each key is read twice: as a value, and when the colon behind it comes in sight.
      (length) =>
        Array.from({ length: 90 }, (_, at) => `${' '.repeat(at)}- &a${at}\n`).join('') +
        `${' '.repeat(91)}&z k: "${'x'.repeat(length)}"`,
    ]
    for (const shape of shapes) {
      const [short, long] = [60_000, 240_000].map((length) =>
        medianTime(() => void tried(() => yaml(shape(length)))),
      )
      expect(long! / short!, shape(100).slice(0, 20)).toBeLessThan(8)
    }
    expect(yaml(`a: |\n${'  xx\n'.repeat(200_000)}`)).toMatchObject({ a: expect.any(String) })
  })
})

function tried(read: () => unknown): void {
  try {
    read()
  } catch {
    // What is refused takes time as well.
  }
}

/** @returns milliseconds of the processor, the median of several runs */
function medianTime(run: () => void): number {
  run()
  const times = Array.from({ length: 9 }, () => {
    const before = process.cpuUsage()
    run()
    return (process.cpuUsage(before).user + 100) / 1000
  })
  return times.sort((a, b) => a - b)[4]!
}

function laughs(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
  for (let index = 1; index < 10; index++) {
    lines.push(`a${index}: &a${index} [${Array.from({ length: 10 }, () => `*a${index - 1}`).join(',')}]`)
  }
  return lines.join('\n')
}
