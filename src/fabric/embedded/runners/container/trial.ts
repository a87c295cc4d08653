/**
 * What an engine really does, seen in a container that was made as those of pods are: engines answer that they limit
 * memory and do not, refuse limits that others want, or cannot mount what is here.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { System } from '../../../../kernel/system.ts'
import { deadline } from '../../../../kernel/system.ts'
import { RunnerError } from '../../runner.ts'
import { type EngineHabits, holderOptions, type Labels } from './container-options.ts'
import type { Engine } from './find-engine.ts'
import { HOLDER_NODE, HOLDER_SOCKETS } from './holder-files.ts'
import { reasonOf, startContainer } from './running.ts'

export interface TrialResult {
  readonly habits: EngineHabits
  readonly cpu: boolean
  readonly memory: boolean
  readonly pids: boolean
}

const LIMITS_OF_ITSELF = `
  const { readFileSync } = require('node:fs')
  const read = (...files) => {
    for (const file of files) try { return readFileSync('/sys/fs/cgroup/' + file, 'utf8').trim() } catch {}
    return 'max'
  }
  require('node:net').createServer().listen('${HOLDER_SOCKETS}/trial.sock', () => {
    console.log(JSON.stringify({
      cpu: read('cpu.max', 'cpu/cpu.cfs_quota_us'),
      memory: read('memory.max', 'memory/memory.limit_in_bytes'),
      pids: read('pids.max', 'pids/pids.max'),
    }))
    process.exit(0)
  })`

const TRIAL_LIMIT_MS = 20_000
const ULIMITS = [
  { Name: 'nofile', Soft: 1_024, Hard: 1_024 },
  { Name: 'nproc', Soft: 1_024, Hard: 1_024 },
]

/** @throws RunnerError `unsupported`: no container can be run the way pods need it */
export async function tryEngine(
  system: System,
  { docker, rootless }: Engine,
  image: string,
  directory: string,
  binds: readonly string[],
  labels: Labels,
): Promise<TrialResult> {
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const holderUser = rootless ? '0:0' : `${uid}:${gid}`
  const problems: string[] = []
  for (const ulimits of [undefined, ULIMITS]) {
    const habits: EngineHabits = { ulimits, holderUser }
    const socketDirectory = join(directory, 'trial')
    await rm(socketDirectory, { recursive: true, force: true })
    await mkdir(socketDirectory, { recursive: true, mode: 0o700 })
    try {
      const options = holderOptions(
        image,
        { hostname: 'trial', ports: [] },
        { labels, habits, networkMode: 'none', socketDirectory, binds, volumes: [] },
      )
      const container = await docker.createContainer({
        ...options,
        Cmd: [HOLDER_NODE, '-e', LIMITS_OF_ITSELF],
      })
      let text = ''
      const running = await startContainer(
        system,
        container,
        { output: (chunk) => void (text += chunk.toString()) },
        { id: image },
      )
      const timer = system.clock.after(TRIAL_LIMIT_MS, () => void running.kill(0))
      const { code } = await running.exited
      timer.cancel()
      if (code !== 0) throw new Error(text.trim() || `the container ended with ${String(code)}`)
      const { cpu, memory, pids } = JSON.parse(text) as Record<'cpu' | 'memory' | 'pids', string>
      return {
        habits,
        cpu: isLimit(cpu.split(' ')[0]!, 1e9),
        memory: isLimit(memory, 1e12),
        pids: isLimit(pids, 1e5),
      }
    } catch (error) {
      problems.push(reasonOf(error))
    } finally {
      await rm(socketDirectory, { recursive: true, force: true })
    }
  }
  throw new RunnerError('unsupported', `containers cannot be run here: ${[...new Set(problems)].join('; ')}`)
}

/** Cgroup v1 has huge numbers where v2 says `max`. */
function isLimit(text: string, huge: number): boolean {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 && value < huge
}

/** Waits until a holder listens on all its sockets. @throws RunnerError */
export async function untilReady(system: System, started: Promise<void>): Promise<void> {
  const limit = deadline(system.clock, TRIAL_LIMIT_MS)
  try {
    await Promise.race([
      started,
      new Promise<never>((_, reject) => {
        limit.signal.addEventListener('abort', () => {
          reject(new RunnerError('spawn-failed', 'the network of the pod was not ready in time'))
        })
      }),
    ])
  } finally {
    limit.done()
  }
}
