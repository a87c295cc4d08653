/**
 * The floor of RESERVE and PURCHASE: signs, verifies and commits what a contract takes, and nothing else.
 *
 * The rows are copies of those that a node wrote, in the same store, with the fewest commits that keep the
 * promise: one before RESERVE is answered, one before PURCHASE is. What only follows from them may come later,
 * but counts. Whoever asks while the ledger is being written shares the next write, and its flavor.
 */
import { join } from 'node:path'
import { CONTRACT_SIGNATURE, FLAVOR_SIGNATURE } from '../../src/contract-manager/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { AllocationKind, type Allocation } from '../../src/objects/allocation.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { FactKind, type Fact } from '../../src/objects/fact.ts'
import { FlavorKind, type Flavor } from '../../src/objects/flavor.ts'
import type { KindDefinition } from '../../src/objects/kind.ts'
import type { KubeObject, NewObject } from '../../src/objects/meta.ts'
import { PoolShardKind, type LedgerEntry, type PoolShard } from '../../src/objects/pool-shard.ts'
import { RatingKind, type Rating } from '../../src/objects/rating.ts'
import { TransactionKind, type Transaction } from '../../src/objects/transaction.ts'
import { VirtualRouterKind, type VirtualRouter } from '../../src/objects/virtual-router.ts'
import { signDocument, verifyDocument, type NodeKey } from '../../src/privacy-and-security-manager/index.ts'
import { contractTerms, flavorTerms, flavorToWire } from '../../src/rear/wire/index.ts'
import { openSqliteStore } from '../../src/store/sqlite/index.ts'
import { loadMember } from '../lib/bench-domain.ts'
import { rateOf, type Rate } from '../lib/statistics.ts'
import { cpuMs, serve } from '../lib/worker.ts'

/** One object of each kind that a contract leaves with its seller. */
export interface ContractSample {
  readonly transaction: Transaction
  readonly shard: PoolShard
  readonly flavor: Flavor
  readonly allocation: Allocation
  readonly contract: Contract
  readonly fact: Fact
  readonly rating: Rating
  readonly router: VirtualRouter
}

let store: ObjectStore | undefined
let key: NodeKey
let sample: ContractSample
let made = 0

/** What the seller says of what is left. */
const flavorOffer = () => flavorTerms(flavorToWire(sample.flavor))

/** The signatures of both sides under a contract, and what each side verifies. */
function signAndVerify(): void {
  const { flavor, contract } = sample
  const terms = contractTerms(contract.spec.document as object)
  const ofBuyer = signDocument(terms, { ...CONTRACT_SIGNATURE, key })
  verifyDocument(terms, ofBuyer, CONTRACT_SIGNATURE)
  const ofSeller = signDocument(terms, { ...CONTRACT_SIGNATURE, key })
  verifyDocument(terms, ofSeller, CONTRACT_SIGNATURE)
  verifyDocument(terms, ofBuyer, CONTRACT_SIGNATURE)
  verifyDocument(flavorOffer(), flavor.spec.signature!, FLAVOR_SIGNATURE)
}

/** The object as a new one of another name. */
function renamed<T extends KubeObject>({ metadata, ...rest }: T, name: string): NewObject<T> {
  const { namespace, labels, annotations, finalizers } = metadata
  return {
    ...rest,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(finalizers !== undefined && { finalizers }),
    },
  } as unknown as NewObject<T>
}

/** The ledger of a pool; changes that come while it is being written share the next write. */
class Ledger {
  #shard: PoolShard
  #entries: readonly LedgerEntry[]
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isReduced = false
  #flavor: Promise<Flavor> | undefined

  constructor(shard: PoolShard) {
    this.#shard = shard
    this.#entries = shard.status.entries
  }

  put(entry: LedgerEntry): Promise<void> {
    if (entry.state === 'held') {
      this.#entries = [...this.#entries, entry]
      this.#isReduced = true
    } else this.#entries = this.#entries.map((each) => (each.id === entry.id ? entry : each))
    if (this.#writing === undefined) return this.#write()
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined
      return this.#write()
    })
    return this.#next
  }

  async #write(): Promise<void> {
    const status = { ...this.#shard.status, entries: [...this.#entries] }
    const writing = store!.update(PoolShardKind, { ...this.#shard, status }).then((shard) => {
      this.#shard = shard
      this.#writing = undefined
    })
    this.#writing = writing
    if (this.#isReduced) this.#replaceFlavor()
    this.#isReduced = false
    await writing
  }

  /** What is left has another name, and is signed anew. */
  #replaceFlavor(): void {
    signDocument(flavorOffer(), { ...FLAVOR_SIGNATURE, key })
    const before = this.#flavor
    this.#flavor = create(FlavorKind, sample.flavor, `f-${made++}`)
    void before?.then(({ metadata }) => store!.delete(FlavorKind, metadata))
  }
}

const create = <T extends KubeObject>(kind: KindDefinition<T>, object: T, name: string): Promise<T> =>
  store!.create(kind, renamed(object, name))

/** Some change of the status: the row is written again. */
const touch = <T extends KubeObject>(kind: KindDefinition<T>, stored: T, status: T['status']): Promise<T> =>
  store!.update(
    kind,
    { ...stored, status: { ...(status as object), changed: String(made++) } },
    { subresource: 'status' },
  )

async function oneContract(ledger: Ledger, entry: LedgerEntry, later: Promise<unknown>[]) {
  const { transaction, allocation, contract, fact, rating, router } = sample
  const id = `${made++}`
  const held = { ...entry, id: `${entry.id.slice(id.length)}${id}` }
  signAndVerify()
  await Promise.all([create(TransactionKind, transaction, `t-${id}`), ledger.put({ ...held, state: 'held' })])
  later.push(
    create(AllocationKind, allocation, `a-${id}`).then((each) =>
      touch(AllocationKind, each, allocation.status),
    ),
  )
  const [bought] = await Promise.all([
    create(ContractKind, contract, `contract-${id}`),
    ledger.put({ ...held, state: 'allocated' }),
  ])
  later.push(
    create(FactKind, fact, `fact-${id}`),
    create(RatingKind, rating, `rating-${id}`),
    touch(ContractKind, bought, contract.status),
    create(VirtualRouterKind, router, `r-${id}`).then((each) =>
      touch(VirtualRouterKind, each, router.status),
    ),
  )
}

/** What may be asked of it. */
export const contractRowsMethods = {
  cpuMs,

  async open(options: { directory: string; sample: ContractSample }) {
    const { directory } = options
    sample = options.sample
    key = (await loadMember(directory)).identity.key
    store = (
      await openSqliteStore({
        path: join(directory, 'data', 'floor.db'),
        system: realSystem,
        log: silentLog,
      })
    ).store
  },

  /** @param options.live how many contracts the pool has before */
  async make(options: { count: number; atATime: number; live: number }): Promise<Rate> {
    const { count, live } = options
    const entry = sample.shard.status.entries.find(({ state }) => state === 'allocated')!
    const shard = await create(PoolShardKind, sample.shard, `p-${made++}`)
    const entries = Array.from({ length: live }, (_, index) => ({ ...entry, id: `live-${index}` }))
    const full = await store!.update(PoolShardKind, {
      ...shard,
      status: { ...sample.shard.status, entries },
    })
    const ledger = new Ledger(full)
    const times: number[] = []
    const later: Promise<unknown>[] = []
    let left = count
    const start = performance.now()
    await Promise.all(
      Array.from({ length: options.atATime }, async () => {
        while (left-- > 0) {
          const begin = performance.now()
          await oneContract(ledger, entry, later)
          times.push(performance.now() - begin)
        }
      }),
    )
    await Promise.all(later)
    return rateOf(times, performance.now() - start)
  },
}

serve(contractRowsMethods, async () => {
  await store?.close()
})
