/**
 * Spending: holds an intent to what its user is ready to pay, over all its parts. Owns `status.spending` of Intents, and
 * nothing else of them.
 */
export { IntentSpending, type PlannedSpending } from './intent-spending.ts'
export { excess } from './ledger.ts'
export {
  addCommitments,
  commitmentOf,
  limitFault,
  limitsOf,
  NOTHING,
  type Commitment,
  type LimitFault,
  type Limits,
} from './limits.ts'
