/** How many offers of each provider are here, or coming, against what one provider may have. */
import type { StoredPeeringCandidate } from '../objects/peering-candidate.ts'

/** @returns whether an entry counts: what somebody brought us by itself and has not taken back */
export function countsAgainstQuota({ spec }: Pick<StoredPeeringCandidate, 'spec'>): boolean {
  const { origin, withdrawnAt } = spec
  return withdrawnAt === undefined && (origin === 'advertised' || origin === 'mirrored')
}

export class ProviderQuota {
  readonly #most: number
  readonly #here = new Map<string, number>()
  /** Being stored: many may come at once. */
  readonly #coming = new Map<string, number>()

  /** @param most offers of one provider */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns whether there is no room for one more of the provider */
  isFull(provider: string): boolean {
    return (this.#here.get(provider) ?? 0) + (this.#coming.get(provider) ?? 0) >= this.#most
  }

  /** Keeps room for one that is being stored. */
  async whileComing<T>(provider: string, store: () => Promise<T>): Promise<T> {
    change(this.#coming, provider, 1)
    try {
      return await store()
    } finally {
      change(this.#coming, provider, -1)
    }
  }

  add(provider: string): void {
    change(this.#here, provider, 1)
  }

  delete(provider: string): void {
    change(this.#here, provider, -1)
  }
}

function change(counts: Map<string, number>, provider: string, by: 1 | -1): void {
  const count = (counts.get(provider) ?? 0) + by
  if (count > 0) counts.set(provider, count)
  else counts.delete(provider)
}
