/** What a configuration takes from a pool, in amounts of resources, and back. Pure. */
import type { Contract } from '../objects/contract.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { canonical, QuantityError } from '../quantity/index.ts'
import { Problem } from './problem.ts'
import { configurationToWire, type WireConfiguration } from './wire/index.ts'

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

/** @returns what a contract gives its buyer */
export function contractAmounts(contract: Contract): Amounts {
  const { configuration } = contract.spec
  return configuration ? amountsOf(configurationToWire(configuration)) : {}
}
