/**
 * The component: keeps the ledgers of intents. Whoever buys for an intent reserves here before it asks a seller for
 * anything; what then became of it is looked up in what is stored, so that a crash between any two writes leaves
 * nothing reserved for ever, and nothing bought that is not counted.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { sameJson } from '../kernel/json.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { isOfAnIntent, SolverKind, type Solver } from '../objects/solver.ts'
import { NOTHING_SPENT, type Spending, type SpendingEntry } from '../objects/spending.ts'
import { formatMoney } from '../quantity/money.ts'
import { costOver, parsePrice, type Price } from '../quantity/price.ts'
import { commitmentIn, entryId, reserve, settle, summed, withEntry, type Outcome } from './ledger.ts'
import { limitsOf, type Commitment, type LimitFault, type Limits } from './limits.ts'
import { boughtAs, outcomeOf } from './outcome.ts'

/** Index of intents: by the solvers that have entries in their ledgers. */
const BY_SOLVER = 'spending-solver'

/** What is about to be asked of a seller. */
export interface PlannedSpending extends Pick<SpendingEntry, 'reservation' | 'attempt' | 'seller'> {
  readonly price: Price
  /** For how long, in seconds. */
  readonly seconds: number
  /** RFC 3339. */
  readonly until: string
}

/** What an intent allows, and what of it is spoken for by all but one solver. */
interface Standing {
  readonly limits: Limits
  readonly spoken: Commitment
  /** Uids of the solvers that have entries. */
  readonly counted: ReadonlySet<string>
}

export class IntentSpending implements Component {
  readonly #base: NodeBase
  readonly #controller: Controller

  constructor(base: NodeBase) {
    this.#base = base
    const { informers, system, log } = base
    const intents = informers.of(IntentKind)
    intents.addIndex(BY_SOLVER, ({ metadata, status }) =>
      (status?.spending?.entries ?? []).map(({ solver }) =>
        keyString({ namespace: metadata.namespace ?? DEFAULT_NAMESPACE, name: solver }),
      ),
    )
    const spendingFor = (solver: ObjectKey): readonly ObjectKey[] =>
      intents.byIndex(BY_SOLVER, keyString(solver)).map(keyOf)
    this.#controller = new Controller({
      name: 'spending',
      system,
      log,
      watches: [
        {
          informer: intents,
          keys: ({ object }) => (object.status?.spending === undefined ? undefined : keyOf(object)),
        },
        { informer: informers.of(SolverKind), keys: ({ object }) => spendingFor(keyOf(object)) },
        {
          informer: informers.of(ReservationKind),
          keys: ({ object: { metadata, spec } }) =>
            spendingFor({ namespace: metadata.namespace ?? DEFAULT_NAMESPACE, name: spec.solverID }),
        },
        {
          informer: informers.of(ContractKind),
          keys: ({ object: { spec } }) =>
            spec.role === 'buyer' && spec.solverID
              ? spendingFor({ namespace: spec.solverNamespace ?? DEFAULT_NAMESPACE, name: spec.solverID })
              : undefined,
        },
      ],
      reconcile: (key) => this.#settle(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /** @returns what the intent of a solver allows it; undefined for one that works for none, or for one without limits */
  async standingOf(solver: Solver): Promise<Standing | undefined> {
    const intent = await this.#intentOf(solver)
    if (intent === undefined || !isLimited(intent)) return undefined
    const limits = limitsOf(intent.spec.requirements)
    const spending = settle(spendingOf(intent), await this.#outcomes(intent))
    const { uid } = solver.metadata
    const isOwn = (entry: SpendingEntry): boolean =>
      entry.solverUID === uid && entry.attempt > Number(solver.status?.attempts ?? 0)
    const counted = new Set(spending.entries.map(({ solverUID }) => solverUID))
    return { limits, spoken: commitmentIn(spending, isOwn), counted }
  }

  /** @returns what was spent for an intent whose contracts are over, and would count if it began anew */
  spentFor(key: ObjectKey): Commitment {
    const intent = this.#base.informers.of(IntentKind).get(key)
    return commitmentIn({ ...NOTHING_SPENT, spent: intent?.status?.spending?.spent ?? {} })
  }

  /**
   * To be called before a seller is asked; again with the same attempt it replaces what was reserved.
   * @returns why it is too much; then nothing is reserved
   */
  async reserve(solver: Solver, planned: PlannedSpending): Promise<LimitFault | undefined> {
    const intent = await this.#intentOf(solver)
    if (intent === undefined || !isLimited(intent)) return undefined
    const { seconds, price: asked, ...what } = planned
    if (parsePrice(asked).billionths === 0n) return undefined
    const price = plainPrice(asked)
    const { name, uid } = solver.metadata
    const cost = formatMoney(costOver(price, seconds))
    const entry = { ...what, solver: name, solverUID: uid, price, cost }
    const outcomes = await this.#outcomes(intent)
    let fault: LimitFault | undefined
    const stored = await this.#change(intent, (spending, limits) => {
      const reserved = reserve(settle(spending, outcomes), entry, limits)
      fault = 'fault' in reserved ? reserved.fault : undefined
      return 'fault' in reserved ? undefined : reserved.spending
    })
    // Taken back meanwhile: whoever buys for it is taken back, too.
    if (stored === undefined) return { reason: 'over-budget', detail: 'the intent is gone' }
    return fault
  }

  /** @returns what is reserved for an attempt */
  async reservedFor(solver: Solver, reservation: string): Promise<SpendingEntry | undefined> {
    const intent = await this.#intentOf(solver)
    return intent?.status?.spending?.entries.find(
      (entry) => entry.solverUID === solver.metadata.uid && entry.reservation === reservation,
    )
  }

  /** Notes what a solver has bought. */
  async bought(
    solver: Solver,
    attempt: { readonly reservation: string; readonly attempt: number },
    contract: Contract,
  ): Promise<void> {
    const intent = await this.#intentOf(solver)
    if (intent === undefined) return
    const { is: _, cost, ...bought } = boughtAs(contract)
    if (cost === 0n) return
    const { name: of, uid: solverUID } = solver.metadata
    const seller = contract.spec.seller.nodeID
    const entry: SpendingEntry = {
      ...{ ...bought, price: plainPrice(bought.price), cost: formatMoney(cost) },
      ...{ ...attempt, solver: of, solverUID, seller, state: 'Bought' },
    }
    await this.#change(intent, (spending) => {
      const known = spending.entries.find((each) => each.contract === entry.contract)
      return known === undefined ? withEntry(spending, entry) : undefined
    })
  }

  /** What is reserved for an attempt that was not begun is not needed now. */
  async giveBack(solver: Solver): Promise<void> {
    const known = this.#base.informers.of(IntentKind).get(intentKey(solver))
    const isUnasked = ({ solverUID, attempt, state }: SpendingEntry): boolean =>
      solverUID === solver.metadata.uid &&
      state === 'Reserved' &&
      attempt > Number(solver.status?.attempts ?? 0)
    if (known?.status?.spending?.entries.some(isUnasked) !== true) return
    await this.#change(known, (spending) => ({
      ...spending,
      entries: spending.entries.filter((entry) => !isUnasked(entry)),
    }))
  }

  async #settle(key: ObjectKey): Promise<void> {
    const intent = await this.#base.store.get(IntentKind, key)
    if (intent?.status?.spending === undefined) return
    const outcomes = await this.#outcomes(intent)
    await this.#change(intent, (spending) => settle(spending, outcomes))
  }

  async #outcomes(intent: Intent): Promise<ReadonlyMap<string, Outcome>> {
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const outcomes = new Map<string, Outcome>()
    for (const entry of spendingOf(intent).entries) {
      const outcome = await outcomeOf(this.#base, namespace, entry)
      if (outcome !== undefined) outcomes.set(entryId(entry), outcome)
    }
    return outcomes
  }

  /** @param change of the ledger; undefined leaves it as it is. May run several times */
  #change(
    intent: Intent,
    change: (spending: Spending, limits: Limits) => Spending | undefined,
  ): Promise<Intent | undefined> {
    return amendStatus(this.#base.store, IntentKind, intent, (each) => {
      const limits = limitsOf(each.spec.requirements)
      const changed = change(spendingOf(each), limits)
      if (changed === undefined) return undefined
      const spending = summed(changed, limits)
      return sameJson(spending, each.status?.spending) ? undefined : { ...each.status, spending }
    })
  }

  async #intentOf(solver: Solver): Promise<Intent | undefined> {
    return isOfAnIntent(solver) ? this.#base.store.get(IntentKind, intentKey(solver)) : undefined
  }
}

function intentKey({ metadata, spec }: Solver): ObjectKey {
  return { namespace: metadata.namespace ?? DEFAULT_NAMESPACE, name: spec.intentID }
}

function spendingOf({ status }: Intent): Spending {
  return status?.spending ?? NOTHING_SPENT
}

function isLimited({ spec }: Intent): boolean {
  return Object.keys(limitsOf(spec.requirements)).length > 0
}

/** Without its unit prices: they are in the contract. */
function plainPrice({ amount, currency, period }: Price): SpendingEntry['price'] {
  return { amount, currency, period }
}
