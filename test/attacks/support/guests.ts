/**
 * Guests for attacks: programs that a buyer has run on the seller's machine. Each attack is tried in each runner that
 * takes programs of strangers; its control is the same program without such a runner: as a `process` here, or, for what
 * that keeps off as well, started by the user who runs the node, as anybody starts a program (`bare`).
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import {
  GroupBudgets,
  type ContainerSpec,
  ContainerRunner,
  type PodSpecToRun,
  ProcessRunner,
  type Runner,
  type RunningContainer,
  type RunningPod,
  SandboxRunner,
} from '../../../src/fabric/embedded/index.ts'
import { silentLog } from '../../../src/kernel/log.ts'
import { realSystem } from '../../../src/kernel/system.ts'
import { runScript } from '../../conformance/runner.ts'
import { startTestEngine, TEST_IMAGE } from '../../support/container-engine.ts'
import { podToRun } from '../../support/pod-to-run.ts'
import { whySandboxCannot } from '../../support/sandboxes.ts'
import { attack, type Attack, failed, succeeded, type Tried } from './attack.ts'

/** The runners that take programs of strangers. */
export const ISOLATED = ['sandbox', 'container'] as const
type Isolated = (typeof ISOLATED)[number]
/** `unlimited` is a process without control groups. */
export type Place = Isolated | 'process' | 'unlimited'

/** What an attacker is after: an attack succeeds when its program says this. */
export const LOOT = 'the-secret'
const DISK_BYTES = 16 << 20

export interface Guest {
  readonly pod: RunningPod
  readonly container: RunningContainer
  readonly said: () => string
}

export interface GuestWish {
  readonly pod?: Partial<PodSpecToRun>
  readonly container?: Partial<ContainerSpec>
}

export interface Guests {
  /** Why the runner cannot be had on this machine. */
  readonly cannot: Readonly<Record<Isolated, string | undefined>>
  /** Of the container engine, where there is one. */
  readonly engineSocket: string | undefined
  runner(place: Place): Promise<Runner>
  /** Another, not started. */
  fresh(place: Place): Runner
  /** Runs a shell script as a guest; of a contract of its own unless it says whose. */
  start(place: Place, script: string, wish?: GuestWish): Promise<Guest>
  /** @returns what the script said until it ended; what it left is taken away */
  run(place: Place, script: string, wish?: GuestWish): Promise<string>
  /** As `run`, told whether it said what it was after. */
  tries(place: Place, script: string, wish?: GuestWish): Promise<Tried>
}

/** To be called once, by the file of the attacks. */
export async function guestsForAttacks(): Promise<Guests> {
  const engine = await startTestEngine()
  const directory = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
  chmodSync(directory, 0o755)
  const runners = new Map<Place, Promise<Runner>>()
  afterAll(async () => {
    for (const runner of runners.values()) await (await runner).stop()
    if (typeof engine !== 'string') await engine.stop()
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)
  let made = 0
  const make = (place: Place): Runner => {
    const common = { directory: join(directory, `${place}-${made++}`), system: realSystem, log: silentLog }
    const sockets = typeof engine === 'string' ? [] : [engine.socketPath]
    switch (place) {
      case 'sandbox':
        return new SandboxRunner({ ...common, budgets: new GroupBudgets({ diskBytes: DISK_BYTES }) })
      case 'container':
        return new ContainerRunner({
          ...common,
          sockets,
          budgets: new GroupBudgets({ diskBytes: DISK_BYTES }),
        })
      case 'process':
        return new ProcessRunner(common)
      case 'unlimited':
        return new ProcessRunner({ ...common, cgroups: false })
    }
  }
  const runner = (place: Place): Promise<Runner> => {
    const known = runners.get(place)
    if (known) return known
    const fresh = make(place)
    const started = fresh.start().then(() => fresh)
    runners.set(place, started)
    return started
  }
  let count = 0
  const start: Guests['start'] = async (place, script, { pod: wanted = {}, container = {} } = {}) => {
    const number = count++
    const pod = await (
      await runner(place)
    ).makePod(
      podToRun({
        uid: `pod-${number}`,
        group: { id: `contract-${number}`, limits: { memoryBytes: 512 << 20, diskBytes: DISK_BYTES } },
        images: place === 'container',
        ...wanted,
      }),
    )
    const home = pod.home ?? '/tmp'
    const guest = await runScript(pod, script, {
      id: `pod-${number}.main`,
      ...(place === 'container' && { image: TEST_IMAGE, imagePullPolicy: 'Never' as const }),
      env: { PATH: pod.path ?? '/bin', HOME: home },
      limits: {},
      ...container,
    })
    return { pod, ...guest }
  }
  const run: Guests['run'] = async (place, script, wish) => {
    const { pod, container, said } = await start(place, script, wish)
    await container.exited
    await pod.remove()
    return said().trim()
  }
  return {
    cannot: {
      sandbox: await whySandboxCannot(),
      container: typeof engine === 'string' ? `no container engine: ${engine}` : undefined,
    },
    engineSocket: typeof engine === 'string' ? undefined : engine.socketPath,
    runner,
    fresh: make,
    start,
    run,
    tries: async (place, script, wish) => triedBy(await run(place, script, wish)),
  }
}

/** Whether this runs as root: who shows with a `bare` program what a runner keeps off often has to. */
export const isRoot = process.getuid?.() === 0
export const ONLY_ROOT = isRoot ? undefined : 'only root can show that it would succeed'

export const triedBy = (saw: string): Tried => (saw.includes(LOOT) ? succeeded(saw) : failed(saw))

/** Runs the script as the user who runs this does, in nothing. */
export function bare(script: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn('sh', ['-c', script], {
    env: { ...process.env, HOME: tmpdir() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.once('error', reject)
  child.once('close', () => resolve(said.trim()))
  return promise
}

export interface GuestAttack extends Pick<Attack, 'timeout' | 'cannot'> {
  readonly defended: (place: Isolated) => Promise<Tried>
  /** Of the attack in that place: some have only a limit off, in the same runner. */
  readonly control: (place: Isolated) => Promise<Tried>
  readonly stoppedBy: RegExp | Readonly<Record<Isolated, RegExp>>
}

/** Declares an attack in each isolating runner. */
export function attackInEach(
  guests: Guests,
  title: string,
  { defended, control, stoppedBy, cannot, ...more }: GuestAttack,
): void {
  for (const place of ISOLATED) {
    attack(`${title}, from a ${place}`, {
      defended: () => defended(place),
      control: () => control(place),
      stoppedBy: stoppedBy instanceof RegExp ? stoppedBy : stoppedBy[place],
      cannot: guests.cannot[place] ?? cannot,
      ...more,
    })
  }
}

/** The usual attack: a script that says what it is after. Its control is a process. */
export function attackByScript(
  guests: Guests,
  title: string,
  script: () => string,
  stoppedBy: GuestAttack['stoppedBy'],
  {
    without = 'process',
    cannot,
  }: { readonly without?: 'process' | 'bare'; readonly cannot?: string | undefined } = {},
): void {
  attackInEach(guests, title, {
    defended: (place) => guests.tries(place, script()),
    control: async () =>
      without === 'bare' ? triedBy(await bare(script())) : guests.tries('process', script()),
    stoppedBy,
    cannot,
  })
}
