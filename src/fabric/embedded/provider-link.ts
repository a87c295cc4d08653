/**
 * The buyer's line to the provider of one contract: asks again and again what has become of the pods,
 * notices when nobody answers for long, and goes on by itself when somebody does again.
 */
import { backOff } from '../../kernel/back-off.ts'
import type { Channel, ChannelRequest } from '../../kernel/channel.ts'
import type { Log } from '../../kernel/log.ts'
import { deadline, sleep, type System, type Timer } from '../../kernel/system.ts'
import { isProblem } from '../../rear/problem.ts'
import { LONGEST_WAIT_MS, podsPath, type RemotePods } from './pods-protocol.ts'

export interface ProviderLinkOptions {
  readonly contractID: string
  readonly channels: (contractID: string) => Channel | undefined
  readonly system: System
  readonly log: Log
  /** The provider has answered. */
  readonly heard: (pods: RemotePods) => Promise<void>
  /** It has not for too long, or it refuses. */
  readonly lost: (reason: string, message: string) => Promise<void>
  /** What `standing` says may be different now. */
  readonly changed: () => void
}

/** How it stands with the provider, as far as this life of the program knows. */
export type ProviderStanding =
  | { readonly standing: 'unknown' }
  | { readonly standing: 'answers' }
  | {
      readonly standing: 'silent'
      readonly reason: string
      readonly message: string
      /** Milliseconds since 1970. */
      readonly since: number
    }

/** As long as Kubernetes waits for a node's sign of life. */
const LOST_AFTER_MS = 40_000
/** One message that is lost is no news. */
const SILENT_AFTER_MS = 5_000
const PROBE_LIMIT_MS = 5_000
const FIRST_BACK_OFF_MS = 50
const LONGEST_BACK_OFF_MS = 5_000
const ANSWER_LIMIT_MS = 5_000
/** A provider that answers every poll at once is asked no more often than this, after some grace. */
const HASTY_MS = 10
const HASTY_POLLS = 20
const HASTY_DELAY_MS = 200

/** There is no way to the provider, or not yet. */
export class NoChannelError extends Error {
  override readonly name = 'NoChannelError'
  readonly code = 'NoChannel'
}

export interface Refusal {
  /** CamelCase, from the problem's code. */
  readonly reason: string
  readonly detail: string
  readonly contractIsGone: boolean
}

/** @returns what the other side refused, or undefined when `error` is of another kind */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!isProblem(error) || error.status >= 500) return undefined
  const reason = error.code.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
  return {
    reason,
    detail: error.detail,
    contractIsGone: isProblem(error, 'contract-not-found', 'contract-closed'),
  }
}

export class ProviderLink {
  readonly contractID: string
  readonly #options: ProviderLinkOptions
  readonly #abort = new AbortController()
  #done: Promise<void> | undefined
  #timer: Timer | undefined
  #standing: ProviderStanding = { standing: 'unknown' }
  #silence: Timer | undefined

  constructor(options: ProviderLinkOptions) {
    this.contractID = options.contractID
    this.#options = options
  }

  start(): void {
    this.#done ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#timer?.cancel()
    this.#silence?.cancel()
    await this.#done
  }

  get standing(): ProviderStanding {
    return this.#standing
  }

  /** @returns whether the provider answers right now */
  async probe(): Promise<boolean> {
    const { signal, done } = deadline(this.#options.system.clock, PROBE_LIMIT_MS, this.#abort.signal)
    try {
      await this.request('GET', `${podsPath(this.contractID)}?wait=0`, signal)
      return true
    } catch {
      return false
    } finally {
      done()
    }
  }

  /**
   * @returns the body of the answer
   * @throws NoChannelError, Problem, TransportError
   */
  async request(
    method: ChannelRequest['method'],
    path: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<unknown> {
    const channel = this.#options.channels(this.contractID)
    if (channel === undefined) throw new NoChannelError('there is no connection with the provider')
    const answer = await channel.request({ method, path, signal, ...(body !== undefined && { body }) })
    return answer.body
  }

  async #run(): Promise<void> {
    const { system, log, heard } = this.#options
    const { signal } = this.#abort
    let since: string | undefined
    let failures = 0
    let hasty = 0
    this.#armLost('the provider has not been heard of yet')
    while (!signal.aborted) {
      try {
        const asked = system.clock.monotonic()
        const pods = await this.#poll(since)
        if (failures > 0) log.info('the provider answers again')
        failures = 0
        this.#armLost('the provider does not answer')
        await heard(pods)
        this.#answered()
        since = pods.revision
        hasty = system.clock.monotonic() - asked < HASTY_MS ? hasty + 1 : 0
        if (hasty > HASTY_POLLS) await sleep(system.clock, HASTY_DELAY_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        // After a silence everything is told again.
        since = undefined
        log[failures === 0 ? 'warn' : 'debug']({ err: error }, 'the provider does not answer as it should')
        const refusal = refusalOf(error)
        this.#failed(error, refusal)
        if (refusal) await this.#lost(refusal.reason, refusal.detail)
        const delay = backOff(failures++, FIRST_BACK_OFF_MS, LONGEST_BACK_OFF_MS)
        await sleep(system.clock, delay, signal).catch(() => {})
      }
    }
  }

  async #poll(since: string | undefined): Promise<RemotePods> {
    const wait = since === undefined ? 0 : LONGEST_WAIT_MS
    const limit = deadline(this.#options.system.clock, wait + ANSWER_LIMIT_MS, this.#abort.signal)
    const query = since === undefined ? '' : `?since=${encodeURIComponent(since)}&wait=${wait}`
    try {
      const body = await this.request('GET', `${podsPath(this.contractID)}${query}`, limit.signal)
      const { revision, pods } = (body ?? {}) as Partial<RemotePods>
      if (typeof revision !== 'string' || !Array.isArray(pods))
        throw new Error('the answer is no list of pods')
      return { revision, pods }
    } finally {
      limit.done()
    }
  }

  #answered(): void {
    this.#silence?.cancel()
    this.#silence = undefined
    this.#stand({ standing: 'answers' })
  }

  #failed(error: unknown, refusal: Refusal | undefined): void {
    const { clock } = this.#options.system
    const since = this.#standing.standing === 'silent' ? this.#standing.since : clock.now()
    if (refusal) {
      this.#stand({ standing: 'silent', reason: 'Refused', message: refusal.detail, since })
      return
    }
    this.#silence ??= clock.after(SILENT_AFTER_MS, () => {
      const reason = error instanceof NoChannelError ? 'NoChannel' : 'ProviderUnreachable'
      this.#stand({ standing: 'silent', reason, message: (error as Error).message, since })
    })
  }

  #stand(standing: ProviderStanding): void {
    const before = JSON.stringify({ ...this.#standing, since: 0 })
    this.#standing = standing
    if (before !== JSON.stringify({ ...standing, since: 0 })) this.#options.changed()
  }

  #armLost(message: string): void {
    this.#timer?.cancel()
    if (this.#abort.signal.aborted) return
    this.#timer = this.#options.system.clock.after(
      LOST_AFTER_MS,
      () => void this.#lost('ProviderUnreachable', message),
    )
  }

  async #lost(reason: string, message: string): Promise<void> {
    try {
      await this.#options.lost(reason, message)
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not note that the provider does not answer')
    }
  }
}
