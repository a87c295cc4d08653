/**
 * Whether pods fit into a contract. Pure.
 *
 * The rule: the sum of what the containers of all pods may use never exceeds the contract. A container
 * may use its limits, or its requests where it states no limit. One that states neither gets what the
 * contract has left, shared equally with others of its pod that state nothing; so a pod without any
 * numbers takes all that is left, and a second one is refused.
 */
import type { PodSpec } from '../../objects/core/pod-spec.ts'
import { type Amounts, addAmounts, shortages, subtractAmounts } from '../../quantity/amounts.ts'
import { formatQuantity, parseQuantity, quantityOf } from '../../quantity/index.ts'
import { containerLimits, podLimits } from '../pod-resources.ts'

export type Fitting =
  | { readonly fits: true; readonly spec: PodSpec }
  | {
      readonly fits: false
      readonly shortages: readonly {
        readonly resource: string
        readonly wanted: string
        /** What the contract has left. */
        readonly available: string
        readonly contract: string
      }[]
    }

/** What every process needs, so what a container that states nothing is given a share of. */
const SHARED = ['cpu', 'memory'] as const
/** Thousandths of a core and whole bytes, in nano-units: what can be kept as a limit. */
const GRAIN = { cpu: 1_000_000n, memory: 1_000_000_000n } as const

/**
 * @param contract what was bought
 * @param others specs, as this function returned them, of the other pods under the contract
 * @returns the pod's spec with the limits that hold, if it fits
 */
export function fitIntoContract(spec: PodSpec, contract: Amounts, others: readonly PodSpec[]): Fitting {
  const used = others.map(podLimits).reduce<Amounts>(addAmounts, {})
  const left = subtractAmounts(contract, used)
  const own = podLimits(spec)
  let limits = spec.containers.map(containerLimits)
  for (const resource of SHARED) {
    const lacking = limits.filter((amounts) => amounts[resource] === undefined).length
    if (lacking === 0 || contract[resource] === undefined) continue
    const rest = parseQuantity(
      subtractAmounts({ [resource]: left[resource] ?? '0' }, pick(own, resource))[resource]!,
    )
    if (rest.nanos <= 0n) {
      return {
        fits: false,
        shortages: [
          { resource, wanted: 'a share', available: formatQuantity(rest), contract: contract[resource] },
        ],
      }
    }
    const nanos = rest.nanos / BigInt(lacking)
    const amount = formatQuantity(quantityOf(nanos - (nanos % GRAIN[resource]), rest.format))
    limits = limits.map((amounts) =>
      amounts[resource] === undefined ? { ...amounts, [resource]: amount } : amounts,
    )
  }
  const wanted = limits.reduce<Amounts>(addAmounts, contract.pods === undefined ? {} : { pods: '1' })
  const lacking = shortages(wanted, left)
  if (lacking.length > 0) {
    return {
      fits: false,
      shortages: lacking.map((one) => ({ ...one, contract: contract[one.resource] ?? '0' })),
    }
  }
  const containers = spec.containers.map((container, index) => ({
    ...container,
    resources: { ...container.resources, limits: { ...limits[index] } },
  }))
  return { fits: true, spec: { ...spec, containers } }
}

function pick(amounts: Amounts, resource: string): Amounts {
  return { [resource]: amounts[resource] ?? '0' }
}
