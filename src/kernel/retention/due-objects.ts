/** Which objects of one kind are to be made smaller or removed, and when: kept from what its informer tells. Internal. */
import { keyOf, keyString, type KubeObject, parseKey } from '../../objects/meta.ts'
import type { Retention, RetentionSettings } from '../../objects/retention.ts'
import type { Informer } from '../informer.ts'

/** The modes that the controller keeps. */
export type KeptRetention<T extends KubeObject> = Extract<Retention<T>, { mode: 'age' | 'archive' | 'count' }>

export class DueObjects<T extends KubeObject> {
  readonly informer: Informer<T>
  readonly #retention: KeptRetention<T>
  readonly #settings: RetentionSettings
  /** By key: when it is to be removed, in milliseconds since 1970. */
  readonly #due = new Map<string, number>()
  /** By key: when it may be tried to make it smaller, in milliseconds since 1970. */
  readonly #large = new Map<string, number>()
  #count = 0

  constructor(informer: Informer<T>, retention: KeptRetention<T>, settings: RetentionSettings) {
    this.informer = informer
    this.#retention = retention
    this.#settings = settings
  }

  /** @param onNews told when there will be something to do, in milliseconds since 1970 */
  follow(onNews: (time: number) => void): () => void {
    this.#due.clear()
    this.#large.clear()
    this.#count = 0
    return this.informer.onChange(({ type, object }) => {
      if (type === 'added') this.#count++
      if (type === 'deleted') {
        this.#count--
        this.#forget(keyString(keyOf(object)))
        return
      }
      const time = this.#excess() > 0 ? -Infinity : this.#look(object)
      if (time !== undefined) onNews(time)
    })
  }

  /**
   * @param now milliseconds since 1970
   * @returns when there is something to do, in milliseconds since 1970: the first such time, or any that has come;
   *   undefined when nothing is known to come
   */
  next(now: number): number | undefined {
    if (this.#excess() > 0) return -Infinity
    let first: number | undefined
    for (const times of [this.#large, this.#due])
      for (const time of times.values()) {
        if (time <= now) return time
        if (first === undefined || time < first) first = time
      }
    return first
  }

  /** @returns at most `most` objects that are over and still say more than they need to, made smaller */
  large(now: number, most: number): readonly T[] {
    const retention = this.#retention
    if (retention.mode !== 'archive') return []
    return this.#take(this.#large, now, most).flatMap((object) => retention.compact(object) ?? [])
  }

  /** @returns at most `most` objects whose time is over */
  over(now: number, most: number): readonly T[] {
    if (this.#retention.mode !== 'count') return this.#take(this.#due, now, most)
    // What was asked to go and did not is asked again.
    for (const [key, time] of this.#due) if (time <= now) this.#due.delete(key)
    const excess = Math.min(this.#excess(), most)
    if (excess <= 0) return []
    const waiting = (object: T): boolean => this.#due.has(keyString(keyOf(object)))
    const kept = this.informer
      .list()
      .filter((object) => object.metadata.deletionTimestamp === undefined && !waiting(object))
      .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
    return tooMany(kept, excess, this.#settings.traces / 2, this.#retention.of)
  }

  /** Looks at objects again at a time: what was asked of the store may have failed, or is not seen yet. */
  again(objects: readonly T[], time: number): void {
    for (const object of objects) {
      const key = keyString(keyOf(object))
      for (const times of [this.#large, this.#due]) if (times.has(key)) times.set(key, time)
      if (this.#retention.mode === 'count') this.#due.set(key, time)
    }
  }

  /** @returns when there is something to do with it, in milliseconds since 1970 */
  #look(object: T): number | undefined {
    const retention = this.#retention
    if (retention.mode === 'count') return undefined
    const key = keyString(keyOf(object))
    const since = retention.since(object)
    // One that is being deleted is on its way already.
    if (since === undefined || Number.isNaN(since) || object.metadata.deletionTimestamp !== undefined) {
      this.#forget(key)
      return undefined
    }
    const due = since + this.#settings[retention.setting]
    this.#due.set(key, due)
    if (retention.mode === 'archive' && retention.compact(object) !== undefined) {
      this.#large.set(key, since)
      return since
    }
    this.#large.delete(key)
    return due
  }

  #forget(key: string): void {
    this.#due.delete(key)
    this.#large.delete(key)
  }

  /** How many are too many and not asked to go yet. */
  #excess(): number {
    return this.#retention.mode === 'count' ? this.#count - this.#due.size - this.#settings.traces : 0
  }

  #take(times: ReadonlyMap<string, number>, now: number, most: number): readonly T[] {
    const objects: T[] = []
    for (const [key, time] of times) {
      if (time > now) continue
      const object = this.informer.get(parseKey(key))
      if (object !== undefined) objects.push(object)
      if (objects.length === most) break
    }
    return objects
  }
}

/**
 * @param objects the oldest first
 * @param share how many of others are kept at least, where there are as many
 * @param of on whose behalf an object was made; undefined for our own
 * @returns `excess` of them, the oldest of whoever has the most
 */
export function tooMany<T>(
  objects: readonly T[],
  excess: number,
  share: number,
  of: (object: T) => string | undefined = () => undefined,
): readonly T[] {
  const own: T[] = []
  const others = new Map<string, T[]>()
  for (const object of objects) {
    const whose = of(object)
    if (whose === undefined) own.push(object)
    else (others.get(whose) ?? others.set(whose, []).get(whose)!).push(object)
  }
  let ofOthers = objects.length - own.length
  const going: T[] = []
  while (going.length < excess) {
    const most = [...others.values()].reduce<T[]>((a, b) => (b.length > a.length ? b : a), [])
    const next = ofOthers > share || own.length === 0 ? most : own
    const oldest = next.shift()
    if (oldest === undefined) break
    if (next !== own) ofOthers--
    going.push(oldest)
  }
  return going
}
