/** The draft of a contract: what a seller proposes in answer to RESERVE, and both sides sign. Pure. */
import { priceOf } from '../available-resources/index.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { Pool } from '../objects/pool.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { parseTime } from '../quantity/time.ts'
import { Problem } from '../rear/problem.ts'
import type {
  WireConfiguration,
  WireContractTerms,
  WireFlavor,
  WireNodeIdentity,
  WireReserveRequest,
} from '../rear/wire/index.ts'
import { configurationOf } from '../rear/configured-amounts.ts'
import { CLOCK_SKEW_MS, START } from '../rear/contract-cost.ts'
import { contractIdOf } from './contract-ids.ts'
import { UNAUTHENTICATED, USER } from './extra-information.ts'
import { serviceConfiguration } from './service-configuration.ts'

/**
 * @param sent what the buyer asks for; undefined for the whole flavor
 * @throws Problem `wrong-configuration`, with the field where there is one
 */
export function configurationFor(sent: WireConfiguration | undefined, flavor: WireFlavor): WireConfiguration {
  const { type } = flavor
  if (type.name === 'service') return serviceConfiguration(sent, type.data)
  if (sent === undefined) {
    if (type.name !== 'k8slice') return { type: type.name, data: {} } as WireConfiguration
    const { cpu, memory, pods, storage, gpu } = type.data.charateristics
    return configurationOf({
      cpu,
      memory,
      pods,
      ...(storage === undefined ? {} : { storage }),
      ...(gpu ? { 'gpu.cores': gpu.cores, 'gpu.memory': gpu.memory } : {}),
    })
  }
  if (sent.type === type.name) return sent
  throw new Problem(
    'wrong-configuration',
    `the flavor is a ${type.name}, the configuration is for a ${sent.type}`,
  )
}

export interface DraftInput {
  readonly transactionID: string
  readonly flavor: WireFlavor
  readonly buyer: WireNodeIdentity
  readonly seller: WireNodeIdentity
  readonly configuration: WireConfiguration
  readonly amounts: Amounts
  readonly pool: Pool
  readonly request: WireReserveRequest
  /** Whether the buyer proved who it is. */
  readonly isAuthenticated: boolean
  /** Milliseconds since 1970. */
  readonly now: number
  /** The longest contract that is sold, in milliseconds. */
  readonly longestMs: number
}

/** @returns the terms that the seller is ready to sign */
export function draftOf(input: DraftInput): WireContractTerms {
  const { transactionID, flavor, buyer, seller, configuration, amounts, pool, request } = input
  const extraInformation = {
    ...startOf(input),
    ...(input.isAuthenticated ? {} : { [UNAUTHENTICATED]: 'true' }),
    ...(request.user && request.user !== buyer.ID ? { [USER]: request.user } : {}),
  }
  return {
    contractID: contractIdOf(transactionID),
    transactionID,
    flavor,
    buyerID: buyer,
    buyerClusterID: buyer.additionalInformation?.liqoID ?? '',
    seller,
    expirationTime: rfc3339(endOf(input)),
    ...(Object.keys(extraInformation).length > 0 ? { extraInformation } : {}),
    configuration,
    price: priceOf(pool.spec, amounts),
  }
}

/** As the buyer says, so that both reckon the same cost; but not from some other time than about now. */
function startOf({ request, now }: DraftInput): Record<string, string> {
  const { contractStartTime: asked = '' } = request
  if (asked === '') return {}
  const isNow = Math.abs(parseTime(asked) - now) <= CLOCK_SKEW_MS
  return { [START]: isNow ? asked : rfc3339(now) }
}

/** As long as the buyer wishes, if it says so, but not longer than we sell. */
function endOf({ request, now, longestMs }: DraftInput): number {
  const { contractExpirationTime: wanted = '' } = request
  return Math.min(wanted === '' ? Infinity : Math.max(parseTime(wanted), now), now + longestMs)
}
