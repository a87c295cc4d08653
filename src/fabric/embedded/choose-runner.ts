/**
 * Whose pods run with which runner. Where a container engine answers, pods whose containers all name an image run as
 * containers; else our own run as processes, and those of others with the best that keeps them off this machine, found
 * out by trying. One runner for the rest of the fabric, which need not know.
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
  /** Of our own programs, and of those of others where the operator says `unisolated` and nothing better works. */
  readonly processes: Runner
  readonly containers: Runner
  readonly sandboxes: Runner
  readonly guests: GuestSettings
  /** Whether programs of others run here at all. */
  readonly allowWorkloads: boolean
  readonly log: Log
}

/** What runs programs of others: those with images, and those that are commands only. */
interface ForStrangers {
  readonly images: Runner
  readonly commands: Runner
}

/** What helps where programs of others are refused. */
export const INSTALL =
  'install a container engine (Docker, Podman) or bubblewrap, or say allowWorkloads: unisolated if you trust every buyer'

export class ChosenRunner implements Runner {
  readonly #options: ChosenRunnerOptions
  /** Containers, where an engine answers and they are wanted. */
  #containers: Runner | undefined
  #strangers: ForStrangers | undefined
  #refusal: string | undefined
  #starting: Promise<void> | undefined
  readonly #started = new Set<Runner>()

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
    const { processes } = this.#options
    const { images, commands } = this.#strangers ?? {}
    const guests = [images, commands].filter((each) => each !== undefined && each !== processes) as Runner[]
    const described = [...new Set(guests)].map(({ name, isolation }) => `${name}: ${isolation}`)
    if (described.length === 0) return processes.isolation
    const own =
      this.#containers === undefined ? 'process for our own' : 'process for our own without an image'
    return `for programs of others ${described.join('; without an image ')}; ${own}: ${processes.isolation}`
  }

  /** Whether our own pods run their images; known after the start. */
  get ownImages(): boolean {
    return this.#containers !== undefined
  }

  get #shown(): Runner {
    return this.#strangers?.images ?? this.#options.processes
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { processes, allowWorkloads, log } = this.#options
    this.#refusal = undefined
    await processes.start()
    this.#started.add(processes)
    try {
      await this.#choose()
    } catch (error) {
      await stopAll([...this.#started])
      throw error
    }
    if (!allowWorkloads) return
    const { name, enforcement, isolation } = this
    if (this.#refusal === undefined)
      log.info({ runner: name, enforcement, isolation }, 'programs of others run here')
    else log.warn({ refusal: this.#refusal }, 'programs of others are not run')
  }

  async stop(): Promise<void> {
    if (this.#starting === undefined) return
    await this.#starting.catch(() => {})
    const started = [...this.#started]
    this.#starting = undefined
    this.#strangers = undefined
    this.#containers = undefined
    this.#started.clear()
    await stopAll(started)
  }

  /** @returns what buyers get here; known after the start */
  get terms(): GuestTerms {
    if (this.#strangers === undefined) {
      return { status: 'Refused', message: this.#refusal ?? 'this node does not run programs of others' }
    }
    const { images, commands } = this.#strangers
    return termsOf(images, this.#options.guests, commands)
  }

  async makePod(spec: PodSpecToRun): Promise<RunningPod> {
    const { processes, guests } = this.#options
    if (spec.guest === 'own') {
      const runner = (spec.images ? this.#containers : undefined) ?? processes
      // What our own programs reach is not for the policy for guests to say.
      return runner.makePod({ ...spec, egress: 'all' })
    }
    if (this.#strangers === undefined)
      throw new RunnerError('unsupported', this.#refusal ?? 'no programs of others run here')
    const runner = spec.images ? this.#strangers.images : this.#strangers.commands
    return runner.makePod({ ...spec, egress: egressInForce(runner.enforces, guests.egress) })
  }

  async removeGroup(group: string): Promise<void> {
    await Promise.all(Array.from(this.#started, (runner) => runner.removeGroup(group)))
  }

  /** Starts what is wanted and works. */
  async #choose(): Promise<void> {
    const { processes, containers, sandboxes, guests, allowWorkloads } = this.#options
    const failures: string[] = []
    const fit: Runner[] = []
    if (guests.runner === 'auto' || guests.runner === 'container') {
      const complaint = await this.#try(containers)
      if (complaint === undefined) this.#containers = containers
      const lacking = complaint ?? whyNotForStrangers(containers.enforces)
      if (lacking === undefined) fit.push(containers)
      else failures.push(`container: ${lacking}`)
    }
    if (!allowWorkloads) return
    if (guests.runner === 'auto' || guests.runner === 'sandbox') {
      const complaint = await this.#try(sandboxes)
      const lacking = complaint ?? whyNotForStrangers(sandboxes.enforces)
      if (lacking === undefined) fit.push(sandboxes)
      else failures.push(`sandbox: ${lacking}`)
      // Nothing will ever run in it.
      if (complaint === undefined && lacking !== undefined) {
        this.#started.delete(sandboxes)
        await sandboxes.stop()
      }
    }
    if (guests.unisolated) fit.push(processes)
    const [images] = fit
    if (images !== undefined) {
      this.#strangers = { images, commands: fit.find(({ enforces }) => !enforces.images) ?? images }
      return
    }
    const tried = failures.length > 0 ? failures.join('; ') : `guests.runner is ${guests.runner}`
    this.#refusal = `programs of others cannot be kept off this machine (${tried}): ${INSTALL}`
  }

  /** @returns why the runner does not work on this machine; undefined when it has started */
  async #try(runner: Runner): Promise<string | undefined> {
    try {
      await startAll([runner])
      this.#started.add(runner)
      return undefined
    } catch (error) {
      this.#options.log.debug({ err: error, runner: runner.name }, 'a runner does not work on this machine')
      return (error as Error).message
    }
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

/**
 * @param commands what runs programs that name no image, where that is another
 * @returns what buyers get whose programs the runner runs
 */
export function termsOf({ name, enforces }: Runner, guests: GuestSettings, commands?: Runner): GuestTerms {
  const { cpu, memory, pids, disk } = enforces
  return {
    status: 'Taken',
    runner: name,
    images: enforces.images,
    ...(commands?.enforces.images === false && { commands: commands.name }),
    ...(!enforces.images && { commands: name }),
    egress: egressInForce(enforces, guests.egress),
    limits: `cpu: ${cpu}, memory: ${memory}, pids: ${pids}, disk: ${disk}`,
  }
}
