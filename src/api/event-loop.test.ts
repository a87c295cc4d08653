/**
 * No request holds up the others for long. Measured in processor time of this thread, between one turn of the event loop and
 * the next, as a multiple of a busy loop in the same run: a busy or slow machine changes both alike.
 */
import { request } from 'node:http'
import { setImmediate } from 'node:timers'
import { describe, expect, it } from 'vitest'
import { serve } from '../../test/support/control-api.ts'
import { ALL_KINDS } from '../objects/index.ts'
import { ConfigMapKind } from '../objects/core/config-map.ts'
import { decodeJson } from './body.ts'
import { excessOf } from './json-bounds.ts'
import { listBody } from './list-body.ts'

const MB = 1024 * 1024
const CONFIG = '/api/v1/namespaces/default/configmaps'

/** Sends a request and lets the answer go: to read it would be work of this thread, too. */
function send(
  socketPath: string,
  options: { readonly method: string; readonly path: string; readonly headers: Record<string, string> },
  body: Buffer | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, agent: false, ...options }, (answer) => {
      answer.on('end', resolve).on('error', reject).resume()
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Milliseconds of this thread alone. */
function used(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function cost(work: () => void): number {
  const runs = [1, 2, 3].map(() => {
    const before = used()
    work()
    return used() - before
  })
  return Math.min(...runs)
}

/** A busy loop that takes some 15 ms where the limit of 50 ms is to hold: the unit of what follows. */
function unit(): number {
  return cost(() => {
    let sum = 0
    for (let step = 0; step < 2_000_000; step++) sum = (sum * 31 + step) | 0
    if (sum === 0.5) throw new Error('never, but the loop has a result')
  })
}
/** 50 ms, in units. */
const LIMIT = 50 / 15

const names = (count: number, length: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `k${index}`.padEnd(length, 'x'))
const data = Object.fromEntries(names(2_400, 12).map((name) => [name, 'v'.repeat(400)]))
const metadata = { generateName: 'a' }

const HOSTILE: Readonly<Record<string, (bytes: number) => string>> = {
  'lists in lists': (bytes) => '['.repeat(bytes / 2) + ']'.repeat(bytes / 2),
  'objects in objects': (bytes) => '{"a":'.repeat(bytes / 6) + '1' + '}'.repeat(bytes / 6),
  'empty lists': (bytes) => `[${'[],'.repeat(bytes / 3)}1]`,
  'many names': (bytes) =>
    `{${names(bytes / 16, 8)
      .map((name) => `"${name}":1`)
      .join(',')}}`,
  'short lists in a hundred others': (bytes) =>
    `[${`${'['.repeat(90)}${']'.repeat(90)},`.repeat(bytes / 181)}1]`,
}

describe('a body of JSON that is too much', () => {
  it.each(Object.keys(HOSTILE))('(%s) is refused before it is read', (name) => {
    const body = Buffer.from(HOSTILE[name]!(MB))
    const refused = cost(() => expect(() => decodeJson(body)).toThrow(/nested deeper|more than 5000 values/))
    const read = cost(() => {
      JSON.parse(body.toString())
    })
    expect(refused / read).toBeLessThan(0.5)
    expect(refused / unit()).toBeLessThan(LIMIT / 4)
  })

  it('is looked at once: twice as much takes twice as long at most', () => {
    // All in one text, which has to be looked at to its end; escapes on top.
    const text = (bytes: number): string => `["${String.raw`\"`.repeat(bytes / 2)}"]`
    const look = (bytes: number): number => {
      const body = text(bytes)
      return cost(() => excessOf(body, { depth: 100, marks: 100 }))
    }
    look(MB)
    expect(look(8 * MB) / look(4 * MB)).toBeLessThan(3)
  })

  it('is told from what only looks like it', () => {
    const limits = { depth: 2, marks: 3 }
    expect(excessOf('["[[[[,,,,{{{{", 1]', limits)).toBeUndefined()
    expect(excessOf(String.raw`["\\", [], "\"[[[,,,,"]`, limits)).toBe('marks')
    expect(excessOf(String.raw`["\"[[[,,,,"]`, limits)).toBeUndefined()
    expect(excessOf('[[[]]]', limits)).toBe('depth')
    expect(excessOf('[[],[]]', limits)).toBe('marks')
    expect(excessOf('"never ends[[[', limits)).toBeUndefined()
  })
})

describe('a list', () => {
  it.each(['json', 'pretty', 'yaml'] as const)(
    'as %s lets others go before each of its items',
    async (form) => {
      const order: string[] = []
      const shape = (item: number) => {
        order.push(`item ${item}`)
        return { value: { item } }
      }
      const turns = { next: async () => void order.push('turn') }
      const list = { head: { kind: 'L', metadata: {} }, member: 'items', items: [1, 2, 3], shape } as const
      let text = ''
      for await (const piece of listBody(list, form, turns)) text += piece
      expect(order).toEqual(['turn', 'item 1', 'turn', 'item 2', 'turn', 'item 3'])
      if (form !== 'yaml')
        expect(JSON.parse(text)).toEqual({ ...list.head, items: [{ item: 1 }, { item: 2 }, { item: 3 }] })
      if (form === 'pretty') expect(text).toBe(`${JSON.stringify(JSON.parse(text), undefined, 2)}\n`)
      if (form === 'yaml')
        expect(text).toBe('kind: L\nmetadata: {}\nitems:\n- item: 1\n- item: 2\n- item: 3\n')
    },
  )

  it.each(['json', 'pretty', 'yaml'] as const)('of nothing is one as %s', async (form) => {
    const list = { head: { kind: 'L' }, member: 'items', items: [], shape: () => ({ value: 0 }) } as const
    let text = ''
    for await (const piece of listBody(list, form, { next: async () => undefined })) text += piece
    expect(text.replaceAll(/\s/g, '')).toBe(form === 'yaml' ? 'kind:Litems:[]' : '{"kind":"L","items":[]}')
  })
})

describe('a request at the limit of size', () => {
  const large = JSON.stringify({ metadata, data })
  const requests: Readonly<Record<string, readonly [string, string, string, string]>> = {
    'many texts as JSON': ['POST', CONFIG, 'application/json', large],
    'many texts as YAML': [
      'POST',
      CONFIG,
      'application/yaml',
      `metadata: {generateName: a}\ndata:\n${Object.entries(data)
        .map(([name, text]) => `  ${name}: ${text}`)
        .join('\n')}`,
    ],
    'one text of many lines as YAML': [
      'POST',
      CONFIG,
      'application/yaml',
      `metadata: {generateName: a}\ndata:\n  a: |\n${'    v\n'.repeat(170_000)}`,
    ],
    'one text of escapes as YAML': [
      'POST',
      CONFIG,
      'application/yaml',
      `metadata: {generateName: a}\ndata: {a: "${'\\n'.repeat(500_000)}"}`,
    ],
    'a patch of all that there is': [
      'PATCH',
      `${CONFIG}/a`,
      'application/merge-patch+json',
      JSON.stringify({ data }),
    ],
    'twenty large objects listed as JSON': ['GET', CONFIG, 'application/json', ''],
    'twenty large objects listed as YAML': ['GET', CONFIG, 'application/yaml', ''],
    'lists in lists': ['POST', CONFIG, 'application/json', HOSTILE['lists in lists']!(MB)],
    'many names': ['POST', CONFIG, 'application/json', HOSTILE['many names']!(MB)],
  }

  it.each(Object.entries(requests))(
    '(%s) leaves time for others',
    { timeout: 60_000 },
    async (_name, asked) => {
      const [method, path, type, body] = asked
      const { socket, store } = await serve({ kinds: ALL_KINDS })
      const namespace = 'default'
      await store.create(ConfigMapKind, { metadata: { name: 'a', namespace } })
      for (let count = method === 'GET' ? 20 : 0; count > 0; count--)
        await store.create(ConfigMapKind, { metadata: { name: `m${count}`, namespace }, data })
      const payload = method === 'GET' ? undefined : Buffer.from(body)
      const headers: Record<string, string> =
        method === 'GET'
          ? { accept: type }
          : { 'content-type': type, 'content-length': String(payload!.length) }
      let longest = 0
      let before = used()
      let isOn = true
      const look = (): void => {
        const now = used()
        longest = Math.max(longest, now - before)
        before = now
        if (isOn) setImmediate(look)
      }
      const stretches: number[] = []
      setImmediate(look)
      // The first of several compiles, and collects what others left.
      for (let count = 0; count < 5; count++) {
        longest = 0
        await send(socket, { method, path, headers }, payload)
        stretches.push(longest)
      }
      isOn = false
      expect(Math.min(...stretches) / unit()).toBeLessThan(LIMIT)
    },
  )
})
