/**
 * What an intent may cost and does: its ledger, which stands in the status of the Intent, so that it lives as long as
 * what it limits and every change of it is one compare-and-swap. How it is kept is the affair of `src/spending/`.
 */
import Type, { type Static } from 'typebox'
import { PriceSchema } from './fluidos-common.ts'
import { oneOf } from './schema.ts'

/** Decimal amounts by currency. */
const MoneySchema = Type.Record(Type.String(), Type.String())

const SpendingEntrySchema = Type.Object({
  solver: Type.String({ description: 'The solver that buys.' }),
  solverUID: Type.String(),
  attempt: Type.Integer({ description: 'Which of the attempts of the solver; each has a reservation.' }),
  reservation: Type.String(),
  seller: Type.String({ description: 'Node id.' }),
  state: oneOf(['Reserved', 'Bought'], {
    description: 'Reserved before the seller is asked to hold anything, Bought with the signed contract.',
  }),
  price: PriceSchema,
  cost: Type.String({ description: 'What it comes to until its end, in the currency of the price.' }),
  until: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  contract: Type.Optional(Type.String()),
})
export type SpendingEntry = Static<typeof SpendingEntrySchema>

export const SpendingSchema = Type.Object(
  {
    entries: Type.Array(SpendingEntrySchema, {
      description: 'What is reserved and what is bought, one a part.',
    }),
    spent: MoneySchema,
    ended: Type.Integer({ description: 'How many contracts have ended; what they cost is in `spent`.' }),
    rate: Type.Optional(Type.String({ description: 'What all parts cost per period, together.' })),
    total: Type.Optional(
      Type.String({ description: 'Spent, and what the contracts and reservations come to until they end.' }),
    ),
    limit: Type.Optional(Type.String({ description: 'The budget that this counts against.' })),
    left: Type.Optional(Type.String({ description: 'What of the budget is left for more.' })),
  },
  { description: 'What it costs: the ledger that maxPrice and budget are held by.' },
)
export type Spending = Static<typeof SpendingSchema>

export const NOTHING_SPENT: Spending = { entries: [], spent: {}, ended: 0 }
