import { describe, expect, it } from 'vitest'
import { podToRun } from '../../../test/support/pod-to-run.ts'
import { createSimulatedRunner } from '../../../test/support/simulated-runner.ts'
import { silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { DEFAULT_GUESTS, type GuestSettings } from '../../objects/guests.ts'
import { ChosenRunner } from './choose-runner.ts'
import { type Enforces, type PodSpecToRun, type Runner, RunnerError, type RunnerName } from './runner.ts'

/** A machine on which some runners work; `made` notes which of them made a pod, and with what way out. */
function machine(
  works: readonly RunnerName[],
  settings: Partial<GuestSettings> = {},
  allowWorkloads = true,
  ofSandbox: Partial<Enforces> = {},
) {
  const stopped: string[] = []
  const made: string[] = []
  const started: string[] = []
  const runner = (name: RunnerName, enforces: Partial<Enforces>): Runner => {
    const simulated = createSimulatedRunner({ system: realSystem })
    return {
      ...{ ...simulated, name, enforces: { ...simulated.enforces, ...enforces } },
      async start() {
        started.push(name)
        if (!works.includes(name)) throw new RunnerError('unsupported', `no ${name} here`)
      },
      stop() {
        stopped.push(name)
        return simulated.stop()
      },
      makePod(spec) {
        made.push(`${name} ${spec.egress}`)
        return simulated.makePod(spec)
      },
    }
  }
  const chosen = new ChosenRunner({
    processes: runner('process', { network: 'shared', files: 'shared', egress: ['all'] }),
    containers: runner('container', { images: true, egress: ['none', 'all'] }),
    sandboxes: runner('sandbox', { egress: ['none'], ...ofSandbox }),
    guests: { ...DEFAULT_GUESTS, ...settings },
    ...{ allowWorkloads, log: silentLog },
  })
  /** @returns what makes a pod */
  const maker = async (more: Partial<PodSpecToRun>): Promise<string | undefined> => {
    await chosen.makePod(podToRun(more))
    return made.at(-1)
  }
  return { chosen, maker, started, stopped }
}

const ALL = ['process', 'container', 'sandbox'] as const

describe('the choice of a runner', () => {
  it('gives pods with images containers where an engine answers, ours and those of others', async () => {
    const { chosen, maker } = machine(ALL)
    await chosen.start()
    expect(await maker({ guest: 'own', images: true })).toBe('container all')
    expect(await maker({ guest: 'own', images: false })).toBe('process all')
    expect(await maker({ guest: 'stranger', images: true })).toBe('container none')
    expect(await maker({ guest: 'stranger', images: false })).toBe('sandbox none')
    expect(chosen.terms).toMatchObject({
      runner: 'container',
      images: true,
      commands: 'sandbox',
      egress: 'none',
    })
    expect(chosen.ownImages).toBe(true)
    await chosen.stop()
  })

  it('gives them sandboxes where none answers, and says that images are not run', async () => {
    const { chosen, maker } = machine(['process', 'sandbox'])
    await chosen.start()
    expect(await maker({ guest: 'own', images: true })).toBe('process all')
    expect(await maker({ guest: 'stranger', images: true })).toBe('sandbox none')
    expect(chosen.terms).toMatchObject({ runner: 'sandbox', images: false, commands: 'sandbox' })
    expect(chosen.ownImages).toBe(false)
  })

  it('does not leave a sandbox started that limits too little for programs of others', async () => {
    const { chosen, started, stopped } = machine(ALL, { runner: 'sandbox' }, true, {
      memory: 'none',
      pids: 'none',
    })
    await chosen.start()
    expect(started).toContain('sandbox')
    expect(stopped).toEqual(['sandbox'])
    expect(chosen.terms.status).toBe('Refused')
  })

  it('does not look for what is not asked for', async () => {
    const { chosen, started } = machine(ALL, { runner: 'sandbox' })
    await chosen.start()
    expect(started).toEqual(['process', 'sandbox'])
  })

  it('looks for an engine for pods of our own, where no programs of others run', async () => {
    const { chosen, maker, started } = machine(ALL, {}, false)
    await chosen.start()
    expect(started).toEqual(['process', 'container'])
    expect(await maker({ guest: 'own', images: true })).toBe('container all')
    await expect(chosen.makePod(podToRun())).rejects.toThrow('no programs of others run here')
  })

  it.each(['auto', 'container', 'sandbox', 'process'] as const)(
    'runs no program of others as a process with runner %s, unless it is told so in these words',
    async (runner) => {
      const { chosen } = machine(['process'], { runner })
      await chosen.start()
      expect(chosen.terms.status).toBe('Refused')
      await expect(chosen.makePod(podToRun())).rejects.toThrow('cannot be kept off this machine')
      const told = machine(['process'], { runner, unisolated: true })
      await told.chosen.start()
      expect(await told.maker({ guest: 'stranger' })).toBe('process all')
      expect(told.chosen.terms).toMatchObject({ runner: 'process', images: false })
    },
  )
})
