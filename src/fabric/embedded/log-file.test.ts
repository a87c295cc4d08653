import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LogFile } from './log-file.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tributary-log-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function readAll(chunks: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const chunk of chunks) text += chunk
  return text
}

const line = (number: number): Buffer => Buffer.from(`line ${number}\n`)

describe('a log file', () => {
  it('gives back what was written, whole or its last lines', async () => {
    const log = new LogFile(join(directory, 'deep', 'a.log'))
    expect(await readAll(log.read())).toBe('')
    for (let number = 1; number <= 5; number++) await log.append(line(number))
    expect(await readAll(log.read())).toBe('line 1\nline 2\nline 3\nline 4\nline 5\n')
    expect(await readAll(log.read({ tailLines: 2 }))).toBe('line 4\nline 5\n')
    expect(await readAll(log.read({ tailLines: 0 }))).toBe('')
    expect(await log.tail(7)).toBe('line 5\n')
    await log.close()
  })

  it('keeps two files of limited size, and the last lines in them', async () => {
    const log = new LogFile(join(directory, 'a.log'), 100)
    for (let number = 1; number <= 100; number++) await log.append(line(number))
    await log.close()
    expect((await readdir(directory)).sort()).toEqual(['a.log', 'a.log.1'])
    const text = await readAll(log.read())
    expect(text.length).toBeLessThanOrEqual(200)
    expect(text.endsWith('line 99\nline 100\n')).toBe(true)
    expect(await readAll(log.read({ tailLines: 12 }))).toBe(
      Array.from({ length: 12 }, (_, index) => `line ${index + 89}\n`).join(''),
    )
  })

  it('can be followed across rotations until it is closed, without losing or repeating a line', async () => {
    const log = new LogFile(join(directory, 'a.log'), 200)
    await log.append(line(1))
    const { promise: oneRead, resolve } = Promise.withResolvers<void>()
    let seen = ''
    const expected: (() => void)[] = []
    const reading = (async () => {
      for await (const chunk of log.read({ follow: true })) {
        seen += chunk
        if (seen.endsWith('line 1\n')) resolve()
        expected.shift()?.()
      }
    })()
    await oneRead
    for (let number = 2; number <= 100; number++) {
      const read = new Promise<void>((done) => expected.push(done))
      await log.append(line(number))
      await read
    }
    await log.close()
    await reading
    expect(seen).toBe(Array.from({ length: 100 }, (_, index) => line(index + 1).toString()).join(''))
  })

  it('stops being followed when nobody wants it any more', async () => {
    const log = new LogFile(join(directory, 'a.log'))
    await log.append(line(1))
    const abort = new AbortController()
    const reading = readAll(log.read({ follow: true, signal: abort.signal }))
    abort.abort()
    expect('line 1\n'.startsWith(await reading)).toBe(true)
    await log.close()
  })

  it('goes on with the file of an earlier life', async () => {
    const path = join(directory, 'a.log')
    const first = new LogFile(path)
    await first.append(line(1))
    await first.close()
    const second = new LogFile(path)
    await second.append(line(2))
    expect(await readAll(second.read())).toBe('line 1\nline 2\n')
    await second.close()
  })
})
