/**
 * The placements that this process decided and that its informer does not show yet.
 *
 * Each decision where something runs counts on those before it, and an informer may lag behind by seconds. What was
 * decided before the process started is in the list that the informers begin with. Kept from before the decision is
 * written, since a write whose answer was lost may have taken effect.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Informer } from '../kernel/informer.ts'
import type { Intent, IntentStatus } from '../objects/intent.ts'
import { keyOf, keyString, type ObjectKey } from '../objects/meta.ts'

type Requests = NonNullable<IntentStatus['requests']>

interface Decided {
  readonly intent: Intent
  readonly requests: Requests
}

export class RecentPlacements {
  readonly #intents: Informer<Intent>
  readonly #decided = new Map<string, Decided>()

  constructor(intents: Informer<Intent>) {
    this.#intents = intents
    intents.onChange(({ type, object }) => {
      const key = keyString(keyOf(object))
      const decided = this.#decided.get(key)
      if (decided?.intent.metadata.uid !== object.metadata.uid) return
      if (type === 'deleted' || sameNodes(object.status?.requests, decided.requests))
        this.#decided.delete(key)
    })
  }

  /** Counts on it from now on. */
  decide(intent: Intent, requests: Requests): void {
    this.#decided.set(keyString(keyOf(intent)), { intent, requests })
  }

  /** Nothing was decided after all, or it is given back. */
  forget(key: ObjectKey): void {
    this.#decided.delete(keyString(key))
  }

  /** @returns every other intent, as it was placed last as far as this process knows */
  others(than: ObjectKey): readonly Intent[] {
    const except = keyString(than)
    const known = this.#intents.list().map((intent) => {
      const decided = this.#decided.get(keyString(keyOf(intent)))
      return decided?.intent.metadata.uid === intent.metadata.uid ? placed(intent, decided.requests) : intent
    })
    const unknown = [...this.#decided.values()]
      .filter(({ intent }) => this.#intents.get(keyOf(intent)) === undefined)
      .map(({ intent, requests }) => placed(intent, requests))
    return [...known, ...unknown].filter((intent) => keyString(keyOf(intent)) !== except)
  }
}

function placed(intent: Intent, requests: Requests): Intent {
  return { ...intent, status: { ...intent.status, requests } }
}

/** Nodes that are added later, when they are bought, do not matter. */
function sameNodes(shown: Requests | undefined, decided: Requests): boolean {
  return (
    shown !== undefined &&
    isDeepStrictEqual(
      shown.map(({ name, placement }) => [name, placement]),
      decided.map(({ name, placement }) => [name, placement]),
    ) &&
    decided.every(({ node }, index) => node === undefined || shown[index]?.node === node)
  )
}
