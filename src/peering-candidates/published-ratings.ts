/**
 * What parties of contracts published of each other, as a catalog keeps and sums it up.
 *
 * Anybody can recompute a rating from the statements. A party counts once for each provider, however many
 * contracts it had; few parties pull the score only part of the way from neutral.
 */
import { createHash } from 'node:crypto'
import type { Component } from '../kernel/component.ts'
import type { InformerEvent } from '../kernel/informer.ts'
import { isStoreError } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import {
  RatingStatementKind,
  type RatingStatement,
  type RatingStatementSpec,
} from '../objects/rating-statement.ts'

const NEUTRAL = 2.5
/** As many parties move the score half the way from neutral. */
const HALF_CONFIDENCE = 3

export class PublishedRatings implements Component {
  readonly #base: NodeBase
  /** By provider, author, contract. */
  readonly #scores = new Map<string, Map<string, Map<string, number>>>()
  #unsubscribe: (() => void) | undefined

  constructor(base: NodeBase) {
    this.#base = base
    base.informers.of(RatingStatementKind)
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#base.informers
      .of(RatingStatementKind)
      .onChange((event) => this.#onStored(event))
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** @returns what is published of a node, from 0 to 5, and by how many parties; undefined when nothing is */
  of(nodeID: string): { readonly score: number; readonly parties: number } | undefined {
    const authors = this.#scores.get(nodeID)
    if (authors === undefined) return undefined
    const means = Array.from(authors.values(), (contracts) => mean([...contracts.values()]))
    const confidence = means.length / (means.length + HALF_CONFIDENCE)
    const score = confidence * mean(means) + (1 - confidence) * NEUTRAL
    return { score: Math.round(score * 100) / 100, parties: means.length }
  }

  /**
   * Keeps a statement that was checked, unless a later one of the same party on the same contract is here.
   * @throws StoreError
   */
  async put(spec: RatingStatementSpec): Promise<void> {
    const { store } = this.#base
    const name = `rating-${digest(`${spec.contractID}\n${spec.author}`)}`
    const key = inDefaultNamespace(name)
    for (;;) {
      const before = await store.get(RatingStatementKind, key)
      if (before && Date.parse(before.spec.at) >= Date.parse(spec.at)) return
      try {
        if (before) await store.update(RatingStatementKind, { ...before, spec })
        else await store.create(RatingStatementKind, { metadata: key, spec })
        return
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error
      }
    }
  }

  #onStored({ type, object }: InformerEvent<RatingStatement>): void {
    const { about, author, contractID, score } = object.spec
    const authors = this.#scores.get(about) ?? new Map<string, Map<string, number>>()
    const contracts = authors.get(author) ?? new Map<string, number>()
    if (type === 'deleted') contracts.delete(contractID)
    else contracts.set(contractID, score)
    if (contracts.size > 0) authors.set(author, contracts)
    else authors.delete(author)
    if (authors.size > 0) this.#scores.set(about, authors)
    else this.#scores.delete(about)
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24)
}
