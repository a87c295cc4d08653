/**
 * Whose pods run with which runner: our own as processes, those of others with the best that keeps them off this
 * machine, found out by trying. One runner for the rest of the fabric, which need not know.
 *
 * The policy: programs of others run only with a runner that shows them none of our files and gives them a network of
 * their own, and that limits memory or processes; with anything less only if the operator said `unisolated`.
 */
import { startAll, stopAll } from '../../kernel/component.ts'
import type { Log } from '../../kernel/log.ts'
import type { Egress, GuestSettings, GuestTerms } from '../../objects/guests.ts'
import {
  type Enforces,
  type PodSpecToRun,
  type Runner,
  RunnerError,
  type RunnerName,
  type RunningPod,
} from './runner.ts'

export interface ChosenRunnerOptions {
  /** Of our own programs. */
  readonly own: Runner
  /** For programs of others, best first, by the name under which the configuration asks for them. */
  readonly isolated: readonly Runner[]
  readonly guests: GuestSettings
  /** Whether programs of others run here at all. */
  readonly allowWorkloads: boolean
  readonly log: Log
}

const INSTALL =
  'install bubblewrap, or a container engine and say guests.runner: container; or, if you trust every buyer, allowWorkloads: unisolated'

export class ChosenRunner implements Runner {
  readonly #options: ChosenRunnerOptions
  #strangers: Runner | undefined
  #refusal: string | undefined
  #starting: Promise<void> | undefined

  constructor(options: ChosenRunnerOptions) {
    this.#options = options
  }

  get name(): RunnerName {
    return this.#shown.name
  }

  get enforces(): Enforces {
    return this.#shown.enforces
  }

  get enforcement(): string {
    return this.#shown.enforcement
  }

  get isolation(): string {
    const { own } = this.#options
    const guests = this.#strangers
    if (guests === undefined || guests === own) return own.isolation
    return `${guests.name} for programs of others: ${guests.isolation}; process for our own: ${own.isolation}`
  }

  get #shown(): Runner {
    return this.#strangers ?? this.#options.own
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { own, allowWorkloads, log } = this.#options
    await own.start()
    if (!allowWorkloads) return
    try {
      const chosen = await this.#choose()
      if (typeof chosen === 'string') this.#refusal = chosen
      else this.#strangers = chosen
    } catch (error) {
      await own.stop()
      throw error
    }
    const { name, enforcement, isolation } = this
    if (this.#refusal === undefined)
      log.info({ runner: name, enforcement, isolation }, 'programs of others run here')
    else log.warn({ refusal: this.#refusal }, 'programs of others are not run')
  }

  async stop(): Promise<void> {
    if (this.#starting === undefined) return
    await this.#starting.catch(() => {})
    const { own } = this.#options
    const others = this.#strangers === undefined || this.#strangers === own ? [] : [this.#strangers]
    this.#starting = undefined
    this.#strangers = undefined
    await stopAll([own, ...others])
  }

  /** @returns what buyers get here; known after the start */
  get terms(): GuestTerms {
    const runner = this.#strangers
    if (runner === undefined) {
      return { status: 'Refused', message: this.#refusal ?? 'this node does not run programs of others' }
    }
    return termsOf(runner, this.#options.guests)
  }

  async makePod(spec: PodSpecToRun): Promise<RunningPod> {
    const { own, guests } = this.#options
    if (spec.guest === 'own') return own.makePod(spec)
    const runner = this.#strangers
    if (runner === undefined)
      throw new RunnerError('unsupported', this.#refusal ?? 'no programs of others run here')
    return runner.makePod({ ...spec, egress: egressInForce(runner.enforces, guests.egress) })
  }

  async removeGroup(group: string): Promise<void> {
    await this.#shown.removeGroup(group)
  }

  /** @returns what runs programs of others, started; else why nothing does */
  async #choose(): Promise<Runner | string> {
    const { own, isolated, guests, log } = this.#options
    const failures: string[] = []
    const asked = isolated.filter(({ name }) => guests.runner === 'auto' || guests.runner === name)
    for (const runner of asked) {
      try {
        await startAll([runner])
        const lacking = whyNotForStrangers(runner.enforces)
        if (lacking === undefined) return runner
        failures.push(`${runner.name}: ${lacking}`)
        await runner.stop()
      } catch (error) {
        failures.push(`${runner.name}: ${(error as Error).message}`)
        log.debug({ err: error, runner: runner.name }, 'a runner does not work on this machine')
      }
    }
    const mayBeProcess = guests.runner === 'auto' || guests.runner === 'process'
    if (mayBeProcess && guests.unisolated) return own
    const tried = failures.length > 0 ? failures.join('; ') : `guests.runner is ${guests.runner}`
    return `programs of others cannot be kept off this machine (${tried}): ${INSTALL}`
  }
}

/** @returns what keeps a runner from running programs of others; undefined when nothing does */
function whyNotForStrangers({ files, network, memory, pids }: Enforces): string | undefined {
  if (files !== 'own') return "it shows programs the owner's files"
  if (network !== 'own') return "it gives programs this machine's network"
  if (memory === 'none' && pids === 'none') return 'it limits neither memory nor processes'
  return undefined
}

/** @returns the policy that the runner can keep: the wanted one, or less; more only where it can keep none at all */
function egressInForce({ egress }: Enforces, wanted: Egress): Egress {
  if (egress.includes(wanted)) return wanted
  return egress.includes('none') ? 'none' : 'all'
}

/** @returns what buyers get whose programs the runner runs */
export function termsOf({ name, enforces }: Runner, guests: GuestSettings): GuestTerms {
  const { cpu, memory, pids, disk } = enforces
  return {
    status: 'Taken',
    runner: name,
    egress: egressInForce(enforces, guests.egress),
    limits: `cpu: ${cpu}, memory: ${memory}, pids: ${pids}, disk: ${disk}`,
  }
}
