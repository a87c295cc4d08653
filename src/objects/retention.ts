/**
 * How long the objects of a kind stay, as its definition states it. One `Retention` controller of the kernel keeps what
 * `age`, `archive` and `count` say; the other modes say who else removes them, so that no kind grows without an answer.
 */
import type { KubeObject } from './meta.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** What the user may set, with what is so unless it is set. */
export const DEFAULT_RETENTION = {
  /** Closed contracts, in milliseconds after their end. */
  contractsMs: 90 * DAY_MS,
  /** Facts, in milliseconds. */
  factsMs: 365 * DAY_MS,
  /** Events, in milliseconds after they were seen last; as long as Kubernetes keeps them. */
  eventsMs: HOUR_MS,
  /** Plans: long enough to think about one, no longer than an offer can be relied on. */
  plansMs: HOUR_MS,
  /** Traces, how many. */
  traces: 2_000,
} as const

export type RetentionSettings = { readonly [Name in keyof typeof DEFAULT_RETENTION]: number }
type DurationSetting = Exclude<keyof RetentionSettings, 'traces'>

interface Aged<T> {
  /** Which setting says how long. */
  readonly setting: DurationSetting
  /** From when it counts, for people. */
  readonly from: string
  /** From when it counts, in milliseconds since 1970; undefined while it is not over. Pure. */
  since(object: T): number | undefined
  /** The kind whose objects hold what is left of it; it is removed only when it is in there. */
  readonly summedInto?: string
}

export type Retention<T extends KubeObject = KubeObject> =
  /** Until the user removes it, or for as long as there is a node. */
  | { readonly mode: 'kept'; readonly why: string }
  /** Goes with the object that owns it. */
  | {
      readonly mode: 'owned'
      readonly by: string
      /** How what is in it gets coarser with age, for people; the component that writes it sees to that. */
      readonly coarser?: string
    }
  /** The component that owns the table removes it. */
  | { readonly mode: 'component'; readonly by: string; readonly until: string }
  /** Removed a time after it was over. */
  | ({ readonly mode: 'age' } & Aged<T>)
  /** As `age`, and made smaller as soon as it is over. */
  | ({
      readonly mode: 'archive'
      /** What is dropped, for people. */
      readonly drops: string
      /** @returns the object with nothing that follows from the rest; undefined when it is so already. Pure */
      compact(object: T): T | undefined
    } & Aged<T>)
  /**
   * The oldest are removed where there are more: first of those that were made on behalf of others, of whoever has the
   * most, until these are half of what may be kept. So nobody pushes out what is another's.
   */
  | {
      readonly mode: 'count'
      readonly setting: 'traces'
      /** On whose behalf an object was made; undefined for our own. */
      of?(object: T): string | undefined
    }
