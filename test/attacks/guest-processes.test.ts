/** A guest tries to get at processes that are not its own, and to stay when its contract has ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, vi } from 'vitest'
import { realSystem, sleep } from '../../src/kernel/system.ts'
import { processesWith } from '../support/processes-with.ts'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackInEach, bare, guestsForAttacks, LOOT, triedBy } from './support/guests.ts'

const guests = await guestsForAttacks()

/** A program of the owner, with a secret in its environment; unless others are faster it ends after the attack. */
async function whileOwnerRuns<T>(then: (victim: ChildProcess) => Promise<T>): Promise<T> {
  const victim = spawn('sleep', ['1000'], { env: { SECRET: LOOT }, stdio: 'ignore' })
  await once(victim, 'spawn')
  try {
    return await then(victim)
  } finally {
    victim.kill('SIGKILL')
  }
}

type Run = (script: string) => Promise<string>

const reads = (run: Run): Promise<Tried> =>
  whileOwnerRuns(async ({ pid }) => triedBy(await run(`cat /proc/${pid}/environ 2>&1 | tr '\\0' ' '`)))
attackInEach(guests, 'a guest reads the environment of a program of the owner', {
  defended: (place) => reads((script) => guests.run(place, script)),
  control: () => reads(bare),
  stoppedBy: /No such file/,
})

const kills = (run: Run): Promise<Tried> =>
  whileOwnerRuns(async (victim) => {
    const saw = await run(`kill -9 ${victim.pid} 2>&1`)
    await sleep(realSystem.clock, 50)
    return victim.signalCode === 'SIGKILL' ? succeeded('killed') : failed(saw)
  })
attackInEach(guests, 'a guest kills a program of the owner', {
  defended: (place) => kills((script) => guests.run(place, script)),
  control: () => kills(bare),
  stoppedBy: /No such process/i,
})

const traces = (run: Run): Promise<Tried> =>
  whileOwnerRuns(async ({ pid }) =>
    triedBy(
      await run(
        `(head -c 1 /proc/${pid}/mem; ls /proc/${pid}/fd) >/dev/null 2>&1; ls /proc/${pid}/fd 2>&1 && echo ${LOOT}`,
      ),
    ),
  )
attackInEach(guests, 'a guest looks into the open files of a program of the owner', {
  defended: (place) => traces((script) => guests.run(place, script)),
  control: () => traces(bare),
  stoppedBy: /No such file/,
})

let marks = 0
/** A number that nobody else sleeps for. */
const mark = (): string => `50${process.pid}.${marks++}`

/** A program that leaves its session and its parent and hears no signals. */
const daemon = (seconds: string): string =>
  `trap "" TERM HUP INT; (setsid sh -c 'trap "" TERM HUP INT; sleep ${seconds} & sleep ${seconds}' >/dev/null 2>&1 &) ; echo away; sleep 0.2`

async function survives(seconds: string, end: () => Promise<void>): Promise<Tried> {
  await vi.waitFor(() => expect(processesWith(seconds)).not.toEqual([]))
  await end()
  for (let looks = 0; looks < 50 && processesWith(seconds).length > 0; looks++)
    await sleep(realSystem.clock, 100)
  const left = processesWith(seconds)
  for (const pid of left) process.kill(Number(pid), 'SIGKILL')
  return left.length > 0 ? succeeded(`${left.length} processes are left`) : failed('nothing is left')
}

const SAID = 'away'
async function until(said: () => string): Promise<void> {
  while (!said().includes(SAID)) await sleep(realSystem.clock, 10)
}

attackInEach(guests, 'a guest goes on after the end of its contract, as a daemon in a session of its own', {
  async defended(place) {
    const seconds = mark()
    const group = { id: `contract-${seconds}`, limits: {} }
    const guest = await guests.start(place, `${daemon(seconds)}; sleep 1000`, { pod: { group } })
    await until(guest.said)
    return survives(seconds, async () => {
      await guest.pod.remove()
      await (await guests.runner(place)).removeGroup(group.id)
    })
  },
  async control() {
    const seconds = mark()
    const child = spawn('sh', ['-c', `${daemon(seconds)}; sleep 1000`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await until(() => said)
    return survives(seconds, async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    })
  },
  stoppedBy: /nothing is left/,
})
