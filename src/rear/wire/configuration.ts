/**
 * Configuration: what is reserved of a flavor. Echoed exactly as the buyer sent it.
 */
import Type from 'typebox'
import type {
  Configuration,
  FlavorTypeIdentifier,
  K8SliceConfiguration,
} from '../../objects/fluidos-common.ts'
import type { FlavorTypeName } from '../../objects/requirements.ts'
import { anyObject, anyValue, message, omittedText, oneOf, verbatimQuantity } from './members.ts'

/** A quantity as a buyer may send it. */
export type VerbatimQuantity = string | number | null

export interface WireK8SliceConfiguration {
  readonly cpu: VerbatimQuantity
  readonly memory: VerbatimQuantity
  readonly pods: VerbatimQuantity
  readonly gpu?: {
    readonly model?: string
    readonly cores?: VerbatimQuantity
    readonly memory?: VerbatimQuantity
  }
  readonly storage?: VerbatimQuantity
  readonly [unknown: string]: unknown
}

export interface WireServiceConfiguration {
  readonly hostingPolicy?: string
  readonly configurationData?: unknown
  readonly [unknown: string]: unknown
}

/** What is reserved; `type` is the wire's name of the flavor type. */
export type WireConfiguration =
  | { type: 'k8slice'; data: WireK8SliceConfiguration }
  | { type: 'service'; data: WireServiceConfiguration }
  | { type: 'vm' | 'sensor'; data: Readonly<Record<string, unknown>> }

export const WireConfigurationSchema = Type.Unsafe<WireConfiguration>({
  title: 'Configuration',
  description: 'What is reserved of a flavor; the form of `data` depends on `type`.',
  'x-discriminator': 'type',
  anyOf: [
    Type.Object({
      type: oneOf(['k8slice']),
      data: message(
        {
          cpu: verbatimQuantity(),
          memory: verbatimQuantity(),
          pods: verbatimQuantity(),
          gpu: Type.Optional(
            message({
              model: Type.Optional(Type.String()),
              cores: Type.Optional(verbatimQuantity()),
              memory: Type.Optional(verbatimQuantity()),
            }),
          ),
          storage: Type.Optional(verbatimQuantity()),
        },
        { title: 'K8SliceConfiguration', description: 'How much of a k8slice.', 'x-verbatim': true },
      ),
    }),
    Type.Object({
      type: oneOf(['service']),
      data: message(
        { hostingPolicy: omittedText(), configurationData: Type.Optional(anyValue()) },
        { title: 'ServiceConfiguration', description: 'How a service is set up.', 'x-verbatim': true },
      ),
    }),
    Type.Object({ type: oneOf(['vm', 'sensor']), data: anyObject({ default: {}, 'x-verbatim': true }) }),
  ],
})

const WIRE_NAMES: Readonly<Record<FlavorTypeIdentifier, FlavorTypeName>> = {
  K8Slice: 'k8slice',
  VM: 'vm',
  Service: 'service',
  Sensor: 'sensor',
}

/** `K8Slice` → `k8slice`. */
export const flavorTypeToWire = (identifier: FlavorTypeIdentifier): FlavorTypeName => WIRE_NAMES[identifier]

const text = (sent: VerbatimQuantity): string => (sent === null ? '0' : String(sent))

/** @returns the configuration as objects hold it: every quantity is text. */
export function configurationFromWire(wire: WireConfiguration): Configuration {
  switch (wire.type) {
    case 'k8slice': {
      const { cpu, memory, pods, gpu, storage, ...rest } = wire.data
      const data: K8SliceConfiguration = {
        ...rest,
        cpu: text(cpu),
        memory: text(memory),
        pods: text(pods),
        ...(gpu
          ? {
              gpu: {
                ...(gpu.model === undefined ? {} : { model: gpu.model }),
                ...(gpu.cores === undefined ? {} : { cores: text(gpu.cores) }),
                ...(gpu.memory === undefined ? {} : { memory: text(gpu.memory) }),
              },
            }
          : {}),
        ...(storage === undefined ? {} : { storage: text(storage) }),
      }
      return { type: 'K8Slice', data }
    }
    case 'service':
      return { type: 'Service', data: wire.data }
    case 'vm':
      return { type: 'VM', data: wire.data }
    case 'sensor':
      return { type: 'Sensor', data: wire.data }
  }
}

/** @returns the configuration as it is sent. */
export function configurationToWire(configuration: Configuration): WireConfiguration {
  switch (configuration.type) {
    case 'K8Slice': {
      const { cpu, memory, pods, gpu, storage, ...rest } = configuration.data
      return {
        type: 'k8slice',
        data: {
          cpu,
          memory,
          pods,
          ...(gpu ? { gpu } : {}),
          ...(storage === undefined ? {} : { storage }),
          ...rest,
        },
      }
    }
    case 'Service':
      return { type: 'service', data: configuration.data }
    case 'VM':
      return { type: 'vm', data: configuration.data }
    case 'Sensor':
      return { type: 'sensor', data: configuration.data }
  }
}
