/** Who breaks a contract has the other side sign that it was that one, or that it was at another time. */
import { describe } from 'vitest'
import {
  closeByPeer,
  mergeClosings,
  signClosing,
  type ClosingStatement,
  type SignedClosing,
} from '../../src/contract-manager/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { mutateStatus } from '../../src/kernel/object-store.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { factOfEnd } from '../../src/ratings-and-metrics/index.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'
import { testIdentity } from '../support/identities.ts'
import { createSimulatedSystem } from '../support/simulated-system.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const seller = testIdentity('seller')
const buyer = testIdentity('buyer')
const KEY = { namespace: 'default', name: 'contract-1' }
type Take = (contract: Contract, received: SignedClosing) => Promise<SignedClosing>

/** The seller sends the buyer its statement; it succeeded if the buyer signs it, too. */
async function close(
  change: Partial<ClosingStatement>,
  how: 'now' | 'before',
  phase = 'Active',
): Promise<Tried> {
  const simulation = createSimulatedSystem(1)
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  await store.create(ContractKind, {
    metadata: KEY,
    spec: {
      role: 'buyer',
      buyer: { nodeID: buyer.id },
      seller: { nodeID: seller.id },
      expirationTime: '2030-01-02T00:00:00Z',
    } as never,
  })
  const contract = (await mutateStatus(store, ContractKind, KEY, () => ({ phase: { phase } })))!
  await simulation.advance(3_600_000)
  const statement: ClosingStatement = {
    contractID: KEY.name,
    closedBy: seller.id,
    reason: 'enough',
    closedAt: '2030-01-01T01:00:00Z',
    ...change,
  }
  const received = signClosing(statement, {}, seller)
  const options = { store, system, log: silentLog, self: { id: buyer.id } as never, key: buyer.key }
  const take: Record<typeof how, Take> = {
    now: () => closeByPeer(options, KEY.name, received, seller.id),
    // Whatever the other side had signed was signed.
    before: async ({ status }) => {
      const { statement: kept, signatures } = mergeClosings(
        status?.closing as SignedClosing | undefined,
        received,
      )
      return signClosing(kept, signatures, buyer)
    },
  }
  try {
    const closing = await take[how](contract, received)
    const fact = factOfEnd({ ...contract, status: { phase: { phase: 'Closed' }, closing } })
    const saw = `${fact?.type} at ${closing.statement.closedAt}`
    return Object.keys(closing.signatures).length === 2 ? succeeded(saw) : failed(saw)
  } catch (error) {
    if (!isProblem(error)) throw error
    return failed(error.message)
  }
}

describe('a seller that breaks its contract', () => {
  const tried = (change: Partial<ClosingStatement>, stoppedBy: RegExp, phase?: string) => ({
    defended: () => close(change, 'now', phase),
    stoppedBy,
    control: () => close(change, 'before', phase),
  })

  attack(
    'has the buyer sign that the buyer closed it',
    tried({ closedBy: buyer.id }, /closedBy: a statement names/),
  )
  attack(
    'has the buyer sign that somebody else closed it',
    tried({ closedBy: testIdentity('stranger').id }, /closedBy: a statement names/),
  )
  attack(
    'has the buyer sign that it ended before it began, so that nothing is owed',
    tried({ closedAt: '2029-12-01T00:00:00Z' }, /closedAt: 2029-12-01T00:00:00Z is not within the contract/),
  )
  attack(
    'has the buyer sign that it will end later than it does, and is paid for the rest',
    tried({ closedAt: '2030-01-01T23:59:59Z' }, /closedAt: .* has yet to come/),
  )
  attack(
    'has the buyer sign a time that programs read differently',
    tried({ closedAt: 'Tue Jan 01 2030' }, /closedAt: "Tue Jan 01 2030" is not a time/),
  )
  attack(
    'has the buyer sign that it closed early what came to its end by itself',
    tried({}, /contract-closed/, 'Expired'),
  )
})
