/** Names, amounts and signatures of contracts. Pure. */
import { createHash } from 'node:crypto'
import { Problem } from '../rear/problem.ts'
import type { WireConfiguration } from '../rear/wire/index.ts'
import { QuantityError, canonical } from '../quantity/index.ts'
import type { Amounts } from '../quantity/amounts.ts'

/** What the detached signatures are of (the `typ` of the JWS). */
export const CONTRACT_SIGNATURE = { type: 'tributary-contract' } as const
export const FLAVOR_SIGNATURE = { type: 'tributary-flavor' } as const
export const CLOSING_SIGNATURE = { type: 'tributary-closing' } as const

/** Keys of `extraInformation` in contracts that a supernode makes on behalf of others. */
/** Our contract with the next hop. */
export const FORWARDS = 'tributary.io/forwards'
/** The contract of the provider, under which the workload runs. */
export const ORIGIN_CONTRACT = 'tributary.io/origin-contract'
/** Node id of the one that uses what was bought. */
export const USER = 'tributary.io/user'
/** What the next hop takes. */
export const DOWNSTREAM_PRICE = 'tributary.io/downstream-price'
/** What the relay adds to it. */
export const MARGIN = 'tributary.io/margin'

/**
 * The id of a transaction follows from who asks and under which key, so that a repeated RESERVE finds
 * what the first one made, across a crash of either side.
 * @returns 32 hexadecimal digits
 */
export function transactionIdOf(buyer: string, key: string): string {
  return createHash('sha256').update(`${buyer}\n${key}`).digest('hex').slice(0, 32)
}

/** @returns the id of the contract that a transaction becomes */
export function contractIdOf(transactionID: string): string {
  return `contract-${createHash('sha256').update(transactionID).digest('hex').slice(0, 16)}`
}

/**
 * @returns what a configuration takes from a pool, canonical; a flavor that is no k8slice is sold by the unit
 * @throws Problem `wrong-configuration`
 */
export function amountsOf(configuration: WireConfiguration): Amounts {
  if (configuration.type !== 'k8slice') return { units: '1' }
  const { cpu, memory, pods, storage, gpu } = configuration.data
  const asked: Record<string, unknown> = {
    cpu,
    memory,
    pods,
    storage,
    'gpu.cores': gpu?.cores,
    'gpu.memory': gpu?.memory,
  }
  const amounts: Record<string, string> = {}
  for (const [resource, value] of Object.entries(asked)) {
    if (value === undefined || value === null) continue
    try {
      amounts[resource] = canonical(String(value))
    } catch (cause) {
      if (!(cause instanceof QuantityError)) throw cause
      throw new Problem('wrong-configuration', `${resource}: ${cause.message}`, { cause })
    }
  }
  return amounts
}

/** @returns the k8slice configuration that asks for `amounts` */
export function configurationOf(amounts: Amounts): WireConfiguration {
  const { cpu = '0', memory = '0', pods = '0', storage } = amounts
  const cores = amounts['gpu.cores']
  const gpuMemory = amounts['gpu.memory']
  return {
    type: 'k8slice',
    data: {
      cpu,
      memory,
      pods,
      ...(cores === undefined && gpuMemory === undefined
        ? {}
        : {
            gpu: {
              ...(cores === undefined ? {} : { cores }),
              ...(gpuMemory === undefined ? {} : { memory: gpuMemory }),
            },
          }),
      ...(storage === undefined ? {} : { storage }),
    },
  }
}
