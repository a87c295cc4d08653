import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openProcessTrees, parsePs, PsTable, Trees } from './process-trees.ts'

const started: number[] = []
afterEach(() => {
  for (const pid of started.splice(0)) process.kill(-pid, 'SIGKILL')
})

/** Starts a program that starts another one in a session of its own, and waits. @returns both ids */
async function family(): Promise<readonly [number, number]> {
  const script = `
    const child = require('node:child_process').spawn('sleep', ['100000'], { detached: true, stdio: 'ignore' })
    console.log(child.pid)
    setInterval(() => {}, 1e6)`
  const parent = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(parent.pid!)
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  started.push(Number(line.toString()))
  return [parent.pid!, Number(line.toString())]
}

const tables = [
  { name: 'what this machine offers', open: openProcessTrees },
  { name: 'ps', open: () => (existsSync('/bin/ps') ? new Trees(new PsTable()) : undefined) },
]
for (const { name, open } of tables.filter((table) => table.open() !== undefined)) {
  describe(`process trees, by ${name}`, () => {
    it('finds what belongs to a program, and how much memory it holds', async () => {
      const trees = open()!
      // A look before it exists: it must not be taken for a stranger for that.
      await trees.look()
      const [parent, child] = await family()
      const [other] = await family()
      for (const root of [parent, other]) trees.add(root)
      const found = await trees.look()
      expect(found.get(parent)!.map(({ pid }) => pid)).toEqual(expect.arrayContaining([parent, child]))
      expect(found.get(parent)).toHaveLength(2)
      expect(found.get(other)).toHaveLength(2)
      // A Node with nothing in it.
      const bytes = found.get(parent)!.find(({ pid }) => pid === parent)!.bytes
      expect(bytes).toBeGreaterThan(10 << 20)
      expect(bytes).toBeLessThan(1 << 30)
    })

    it('keeps to a program what was once part of it, when its parent has gone', async () => {
      const trees = open()!
      const [parent, child] = await family()
      trees.add(parent)
      await trees.look()
      process.kill(parent, 'SIGKILL')
      started.splice(started.indexOf(parent), 1)
      await vi.waitFor(() => expect(() => process.kill(parent, 0)).toThrow())
      const found = await trees.look()
      expect(found.get(parent)?.map(({ pid }) => pid)).toEqual([child])
      trees.remove(parent)
      expect((await trees.look()).size).toBe(0)
    })
  })
}

describe('process trees', () => {
  it.runIf(existsSync('/proc/self/smaps_rollup'))('divides memory that processes share', async () => {
    const trees = openProcessTrees()!
    // Two that run the same program share its text.
    const [one] = await family()
    await family()
    trees.add(one)
    const member = (await trees.look()).get(one)!.find(({ pid }) => pid === one)!
    const share = await trees.share(one)
    expect(share).toBeGreaterThan(0)
    expect(share).toBeLessThan(member.bytes)
  })

  it('reads what ps writes', () => {
    expect(parsePs('    1     0     1   9876\n  501     1   500 12\n\n')).toEqual([
      { pid: 1, parent: 0, session: 1, birth: '', bytes: 9876 * 1024 },
      { pid: 501, parent: 1, session: 500, birth: '', bytes: 12 * 1024 },
    ])
  })
})
