/**
 * What a life cycle is: the states that an object can be in, what may happen to it, and where that leads.
 *
 * Pure data. The tables beside this file are the only place that says which moves there are: controllers ask them
 * (`kernel/lifecycle.ts`), and the pages in `docs/lifecycles/` are drawn from them.
 */

/** Where an object is that has no state yet, in the tables. */
export const NEW = 'New'
/** Where an object is whose life ends with it, in the tables. */
export const GONE = 'Gone'

/** Something that happens to an object. */
export interface LifecycleEvent {
  /** Who makes it happen. */
  readonly by: string
  /** What happened, for people. */
  readonly meaning: string
}

export interface Lifecycle<State extends string = string, Event extends string = string> {
  /** The kind of object, for logs. */
  readonly kind: string
  /** For people: what lives here. */
  readonly description: string
  /** Where the state stands in the object, for example `status.phase`. */
  readonly field: string
  /** What each state means. */
  readonly states: Readonly<Record<State, string>>
  /** From where nothing leads on: the object stays as it is until it is deleted. */
  readonly terminal: readonly NoInfer<State>[]
  readonly events: Readonly<Record<Event, LifecycleEvent>>
  /** For each state, where each event leads that may happen there; every other is illegal. */
  readonly moves: Readonly<
    Record<
      NoInfer<State> | typeof NEW,
      Readonly<Partial<Record<NoInfer<Event>, NoInfer<State> | typeof GONE>>>
    >
  >
}

/** Checks the form of a table where it is written. @returns the table */
export function lifecycle<const State extends string, const Event extends string>(
  table: Lifecycle<State, Event>,
): Lifecycle<State, Event> {
  return table
}

/**
 * @param from the state that the object is in; undefined when it has none yet
 * @returns the state that the event leads to, or `Gone`; undefined when the event may not happen there
 */
export function nextState<State extends string, Event extends string>(
  { moves }: Lifecycle<State, Event>,
  from: string | undefined,
  event: Event,
): State | typeof GONE | undefined {
  const rows: Readonly<Record<string, Readonly<Partial<Record<Event, State | typeof GONE>>>>> = moves
  return Object.hasOwn(rows, from ?? NEW) ? rows[from ?? NEW]?.[event] : undefined
}
