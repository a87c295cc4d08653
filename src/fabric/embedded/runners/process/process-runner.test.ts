import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { describeRunner } from '../../../../../test/conformance/runner.ts'
import { podToRun } from '../../../../../test/support/pod-to-run.ts'
import { processesWith } from '../../../../../test/support/processes-with.ts'
import { silentLog } from '../../../../kernel/log.ts'
import { realSystem, sleep } from '../../../../kernel/system.ts'
import { openCgroups } from './cgroups.ts'
import { programPath } from './isolation.ts'
import { ProcessRunner } from './process-runner.ts'
import type {
  ContainerSpec,
  PodSpecToRun,
  ProcessExit,
  Runner,
  RunningContainer,
  RunningPod,
} from '../../runner.ts'

const isRoot = process.getuid?.() === 0
const hasCgroups = ((): boolean => {
  const tree = openCgroups('tributary-test-probe')
  tree?.remove('')
  return tree !== undefined
})()
if (!hasCgroups) console.warn('no writable control groups here: tests of real limits are skipped')

const MIB = 1024 * 1024
/** Generous: other tests may keep the machine busy. */
const WAIT = { timeout: 30_000 }
/** Takes memory without end, but not all at once. */
const HOG = "console.log('hungry'); const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10)"
/** A program that holds so many MiB, and says so. */
const holding = (mib: number): string =>
  `const all = Buffer.alloc(${mib} << 20, 1); console.log('held'); setInterval(() => all.length, 1e6)`

const exitOf = ({ code, signal, oomKilled }: ProcessExit) => ({
  killed: signal === 'SIGKILL' || code === 137,
  oomKilled,
})

for (const cgroups of hasCgroups ? [true, false] : [false]) {
  describeRunner(`process runner, ${cgroups ? 'with' : 'without'} control groups`, {
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tributary-runner-'))
      return new ProcessRunner({ directory, system: realSystem, log: silentLog, cgroups })
    },
  })

  describe(`process runner, ${cgroups ? 'with' : 'without'} control groups`, () => {
    let directory: string
    let runner: Runner
    let output: string
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tributary-runner-'))
      runner = new ProcessRunner({ directory, system: realSystem, log: silentLog, cgroups })
      output = ''
      await runner.start()
    })
    afterEach(async () => {
      await runner.stop()
      await rm(directory, { recursive: true, force: true })
    })

    let pod: RunningPod
    const run = async (
      command: readonly string[],
      { group = { id: 'own', limits: {} }, ...more }: Partial<ContainerSpec & PodSpecToRun> = {},
    ): Promise<RunningContainer & { readonly pid: number }> => {
      pod = await runner.makePod(
        podToRun({ uid: 'pod', guest: 'own', group, hostname: 'pod', egress: 'all' }),
      )
      const container = await pod.run({
        id: 'one',
        name: 'one',
        command,
        env: { PATH: programPath() },
        mounts: [],
        security: {},
        limits: {},
        output: (chunk) => {
          output += chunk.toString()
        },
        ...more,
      })
      return { ...container, pid: container.pid! }
    }

    it('says how limits are kept and what separates programs', () => {
      expect(runner.enforcement).toMatch(cgroups ? /^cgroup-v[12]$/ : /^watchdog \(memory checked/)
      expect(runner.isolation).not.toBe('')
    })

    it('runs a command with its arguments, and gives back output and exit code', async () => {
      const process = await run(['sh', '-c', 'echo "$1"; echo err >&2; exit 3', 'sh', 'two  words'])
      expect(await process.exited).toEqual({ code: 3, signal: null, oomKilled: false })
      expect(output).toContain('two  words\n')
      expect(output).toContain('err\n')
    })

    it('ends a program at whatever moment of its start it is asked to, long before its grace is over', async () => {
      for (let ms = 0; ms < 40; ms += 2) {
        const process = await run(['sleep', '98764'], { id: `at-${ms}` })
        await sleep(realSystem.clock, ms)
        // Its grace is longer than this test may take.
        const { signal, code } = await process.kill(300_000)
        expect([signal, code], `after ${ms} ms`).not.toEqual([null, 0])
      }
    }, 120_000)

    it('shows a program its own environment and nothing of the daemon', async () => {
      process.env.SECRET_OF_THE_DAEMON = 'secret'
      try {
        const child = await run(['env'], { env: { PATH: programPath(), GREETING: 'hello world' } })
        await child.exited
      } finally {
        delete process.env.SECRET_OF_THE_DAEMON
      }
      const names = output
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0])
      expect(output).toContain('GREETING=hello world\n')
      expect(new Set(names)).toEqual(new Set(['PATH', 'GREETING', 'TRIBUTARY_RUNNER']))
    })

    it('does not let the environment of a program reach the helpers that start it', async () => {
      // A privileged helper would load it and complain.
      const child = await run(['true'], { env: { PATH: programPath(), LD_PRELOAD: '/nonexistent/evil.so' } })
      await child.exited
      expect(output.match(/evil\.so/g)?.length ?? 0).toBeLessThanOrEqual(1)
    })

    it('gives a program a directory that it can write to, and takes it away', async () => {
      const child = await run(['sh', '-c', 'echo x > file && cat file && pwd'])
      expect((await child.exited).code).toBe(0)
      const path = output.trim().split('\n')[1]!
      expect(existsSync(path)).toBe(true)
      await pod.remove()
      expect(existsSync(path)).toBe(false)
    })

    it.runIf(isRoot)('runs programs of different contracts as different unprivileged users', async () => {
      const users: string[] = []
      for (const id of ['contract-a', 'contract-b']) {
        output = ''
        const child = await run(['id', '-u'], { group: { id, limits: {} } })
        await child.exited
        await pod.remove()
        users.push(output.trim())
      }
      expect(users).not.toContain('0')
      expect(new Set(users).size).toBe(2)
    })

    it('runs the same Node as the daemon', async () => {
      const child = await run(['node', '-p', 'process.version'], { env: { PATH: programPath() } })
      expect((await child.exited).code).toBe(0)
      expect(output.trim()).toBe(process.version)
    })

    it('explains that images are not run', async () => {
      await expect(run([], { image: 'nginx' })).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringMatching(/commands, not images.*nginx/) as string,
      })
    })

    it('tells of a command that does not exist', async () => {
      const child = await run(['no-such-program-anywhere'])
      // 126 when a folder of the PATH is closed to the program's user.
      expect([126, 127]).toContain((await child.exited).code)
      expect(output).toContain('no-such-program-anywhere')
    })

    it('lets a program end by itself when it is asked to', async () => {
      const child = await run(['sh', '-c', 'trap "exit 9" TERM; echo ready; sleep 100000 & wait'])
      await vi.waitFor(() => expect(output).toContain('ready'))
      expect((await child.kill(60_000)).code).toBe(9)
    })

    it('makes a program end that does not want to', async () => {
      const child = await run(['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'])
      await vi.waitFor(() => expect(output).toContain('ready'))
      const exit = await child.kill(50)
      expect(exit.signal === 'SIGKILL' || exit.code === 137).toBe(true)
    })

    it('ends all that a program has started, even what left its session', async () => {
      const mark = `100000.${process.pid}`
      const child = await run(['sh', '-c', `setsid sleep ${mark} & sleep ${mark} & echo ready; wait`])
      await vi.waitFor(() => expect(processesWith(mark).length).toBeGreaterThanOrEqual(2))
      await child.kill(0)
      await vi.waitFor(() => expect(processesWith(mark)).toEqual([]))
    })

    it('ends what a program leaves behind when it ends by itself', async () => {
      const mark = `200000.${process.pid}`
      const child = await run(['sh', '-c', `sleep ${mark} & echo ready`])
      await child.exited
      await vi.waitFor(() => expect(processesWith(mark)).toEqual([]))
    })

    it.runIf(existsSync('/proc/self/environ'))(
      'ends in its next life what it left running when it was killed',
      async () => {
        const other = await mkdtemp(join(tmpdir(), 'tributary-runner-'))
        const mark = `300000.${process.pid}`
        const command = `setsid sleep ${mark} & echo running; wait`
        const earlier: ChildProcess = spawn(
          process.execPath,
          [
            join(import.meta.dirname, '../../../../../test/support/runner-child.ts'),
            other,
            cgroups ? 'cgroups' : 'none',
            mark,
          ],
          { stdio: ['pipe', 'pipe', 'inherit'] },
        )
        const next = new ProcessRunner({ directory: other, system: realSystem, log: silentLog, cgroups })
        try {
          await once(earlier.stdout!, 'data')
          earlier.kill('SIGKILL')
          await once(earlier, 'exit')
          expect(processesWith(command).length).toBeGreaterThan(0)
          await next.start()
          await vi.waitFor(() => {
            expect(processesWith(command)).toEqual([])
            expect(processesWith(mark)).toEqual([])
          })
        } finally {
          earlier.kill('SIGKILL')
          await next.stop()
          await rm(other, { recursive: true, force: true })
        }
      },
    )

    it('lets a program run that needs far more address space than its limit of memory', async () => {
      const script = `
        const server = require('node:http').createServer((request, response) => response.end('hello'))
        server.listen(0, '127.0.0.1', () => console.log('port', server.address().port))`
      const limits = { memoryBytes: 256 * MIB }
      const child = await run(['node', '-e', script], { limits, group: { id: 'own', limits } })
      const port = await vi.waitFor(() => {
        const found = /^port (\d+)$/m.exec(output)?.[1]
        expect(found, output).toBeDefined()
        return Number(found)
      }, WAIT)
      const { signal } = new AbortController()
      expect(
        await pod.probe({ kind: 'http', scheme: 'http', port, path: '/', headers: {} }, signal),
      ).toBeUndefined()
      expect(await child.kill(0)).toMatchObject({ oomKilled: false })
    })

    it('limits the memory of a program', async () => {
      const child = await run(['node', '-e', HOG], { limits: { memoryBytes: 100 * MIB } })
      expect(exitOf(await child.exited)).toEqual({ killed: true, oomKilled: true })
    })

    it('counts what a program starts, even in a session of its own', async () => {
      const child = await run(['sh', '-c', 'setsid "$@" & wait', 'sh', 'node', '-e', HOG], {
        limits: { memoryBytes: 100 * MIB },
      })
      // Else it would run until the machine has no memory left.
      await child.exited
      expect(output).toContain('hungry')
      expect(processesWith(HOG)).toEqual([])
    })

    it('limits the sum of the programs of a group', async () => {
      const group = { id: 'contract-z', limits: { memoryBytes: 260 * MIB } }
      // Each of them is well below its own limit.
      const limits = { memoryBytes: 240 * MIB }
      const small = await run(['node', '-e', holding(100)], { id: 'small', group, limits })
      await vi.waitFor(() => expect(output).toContain('held'), WAIT)
      const large = await run(['node', '-e', holding(150)], { id: 'large', group, limits })
      const first = await Promise.race([
        small.exited.then((exit) => ({ name: 'small', exit })),
        large.exited.then((exit) => ({ name: 'large', exit })),
      ])
      expect(first.name).toBe('large')
      expect(exitOf(first.exit)).toMatchObject({ killed: true })
      // That it was not taken, too.
      expect(processesWith(holding(100)).length).toBeGreaterThan(0)
      await small.kill(0)
    })

    // Not skipped without them: there is nothing to test then.
    if (cgroups)
      it('limits CPU and number of processes of a program, and the sum of its group', async () => {
        const group = { id: 'contract-x', limits: { cpuMillis: 700, memoryBytes: 128 * 1024 * 1024 } }
        const limits = { cpuMillis: 250, memoryBytes: 64 * 1024 * 1024, pids: 77 }
        const child = await run(['sh', '-c', 'echo ready; sleep 100000 & wait'], { group, limits })
        await vi.waitFor(() => expect(output).toContain('ready'))
        const of = (path: string): Record<string, string> => limitsOf(path, runner.enforcement)
        const { cpu, memory, pids } = of(cgroupOf(child.pid))
        expect({ cpu, memory, pids }).toEqual({
          cpu: '25000',
          memory: String(limits.memoryBytes),
          pids: '77',
        })
        const whole = of(join(cgroupOf(child.pid), '..'))
        expect(whole).toMatchObject({ cpu: '70000', memory: String(group.limits.memoryBytes) })
        await child.kill(0)
      })

    it('keeps the sum of a group when its programs have no limits of their own', async () => {
      const group = { id: 'contract-y', limits: { memoryBytes: 100 * MIB } }
      const child = await run(['node', '-e', HOG], { group })
      expect(exitOf(await child.exited)).toMatchObject({ killed: true })
    })
  })
}

/** The path of a process's group, relative to the mount. */
function cgroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  const line =
    lines.find((one) => /:(.*,)?memory(,.*)?:/.test(one)) ?? lines.find((one) => one.startsWith('0::'))!
  return line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1)
}

function limitsOf(memoryPath: string, version: string): Record<string, string> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const read = (file: string): string => readFileSync(file, 'utf8').trim()
  if (version === 'cgroup-v2') {
    const base = join(mounts.find((fields) => fields[2] === 'cgroup2')![1]!, memoryPath)
    const cpu = read(join(base, 'cpu.max')).split(' ')[0]!
    return { cpu, memory: read(join(base, 'memory.max')), pids: read(join(base, 'pids.max')) }
  }
  // The trees of the controllers may begin at different places, but ours looks the same in all.
  const tail = memoryPath.slice(memoryPath.indexOf('/tributary-'))
  const at = (controller: string): string => {
    const mount = mounts.find(
      (fields) => fields[2] === 'cgroup' && fields[3]!.split(',').includes(controller),
    )![1]!
    const own = readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .find((line) => line.split(':')[1]!.split(',').includes(controller))!
    return join(mount, own.split(':')[2]!, tail)
  }
  return {
    cpu: read(join(at('cpu'), 'cpu.cfs_quota_us')),
    memory: read(join(at('memory'), 'memory.limit_in_bytes')),
    pids: read(join(at('pids'), 'pids.max')),
  }
}
