/**
 * NetworkIntent: a communication that a provider denies or demands; its three wire forms and our own.
 *
 * A selector of pods travels in two forms: upstream's provider writes maps and calls them `CIDRSelector`,
 * upstream's consumer understands only `PodNamespaceSelector` with lists of pairs. Both are read, the
 * second is written.
 */
import Type, { type Static } from 'typebox'
import type {
  NetworkAuthorizations,
  NetworkEnd,
  NetworkIntent,
  NetworkSelector,
} from '../../objects/flavor.ts'
import { anyValue, message, orNull, plainText } from './members.ts'
import { WireError } from './wire-error.ts'

export const WireNetworkEndSchema = message(
  {
    isHotCluster: Type.Boolean({ default: false, 'x-aliases': ['isHostCluster'] }),
    resourceSelectors: Type.Unsafe<{ typeIdentifier: string; selector: unknown }>({
      ...message({ typeIdentifier: Type.String(), selector: anyValue() }),
      'x-aliases': ['resourceSelector'],
    }),
  },
  { title: 'NetworkEnd', description: 'One side of a communication.' },
)
export type WireNetworkEnd = Static<typeof WireNetworkEndSchema>

export const WireNetworkIntentSchema = message(
  {
    name: plainText(),
    source: WireNetworkEndSchema,
    destination: WireNetworkEndSchema,
    destinationPort: plainText({ 'x-text': true }),
    protocolType: plainText(),
  },
  { title: 'NetworkIntent', description: 'A communication that the provider denies or demands.' },
)
export type WireNetworkIntent = Static<typeof WireNetworkIntentSchema>

export const WireNetworkAuthorizationsSchema = message(
  {
    deniedCommunications: orNull<WireNetworkIntent[]>(Type.Array(WireNetworkIntentSchema), { default: null }),
    mandatoryCommunications: orNull<WireNetworkIntent[]>(Type.Array(WireNetworkIntentSchema), {
      default: null,
    }),
  },
  { title: 'NetworkAuthorizations', description: 'What a provider denies, and what it demands.' },
)
export type WireNetworkAuthorizations = Static<typeof WireNetworkAuthorizationsSchema>

const CIDR = /^[0-9a-fA-F:.]+\/\d{1,3}$/

/**
 * @param path where the selector stands, for errors
 * @throws WireError `bad-network-selector`
 */
export function networkSelectorFromWire(wire: unknown, path: string): NetworkSelector {
  if (typeof wire === 'string') {
    if (!CIDR.test(wire)) throw new WireError('bad-network-selector', path, 'is neither a CIDR nor labels')
    return { typeIdentifier: 'CIDRSelector', selector: wire }
  }
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
    throw new WireError('bad-network-selector', path, 'is neither a CIDR nor labels')
  }
  const members = new Map(Object.entries(wire).map(([name, value]) => [name.toLowerCase(), value as unknown]))
  return {
    typeIdentifier: 'PodNamespaceSelector',
    selector: {
      pod: labels(members.get('pod'), `${path}.pod`),
      namespace: labels(members.get('namespace'), `${path}.namespace`),
    },
  }
}

/** Labels as a map, or as a list of pairs. */
function labels(wire: unknown, path: string): Readonly<Record<string, string>> {
  if (wire === undefined || wire === null) return {}
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(wire)
    ? wire.map((pair: { key?: unknown; value?: unknown } | null) => [pair?.key, pair?.value] as const)
    : Object.entries(wire as object)
  if (typeof wire !== 'object' || !pairs.every(isTextPair)) {
    throw new WireError('bad-network-selector', path, 'is not a set of labels')
  }
  return Object.fromEntries(pairs as readonly (readonly [string, string])[])
}

function isTextPair(pair: readonly [unknown, unknown]): boolean {
  return typeof pair[0] === 'string' && typeof pair[1] === 'string'
}

function endFromWire(end: WireNetworkEnd, path: string): NetworkEnd {
  return {
    isHotCluster: end.isHotCluster,
    resourceSelector: networkSelectorFromWire(
      end.resourceSelectors.selector,
      `${path}.resourceSelectors.selector`,
    ),
  }
}

/** @throws WireError `bad-network-selector` */
export function networkIntentFromWire(wire: WireNetworkIntent, path: string): NetworkIntent {
  return {
    name: wire.name,
    source: endFromWire(wire.source, `${path}.source`),
    destination: endFromWire(wire.destination, `${path}.destination`),
    destinationPort: wire.destinationPort,
    protocolType: wire.protocolType,
  }
}

function endToWire(end: NetworkEnd): WireNetworkEnd {
  const { isHotCluster, resourceSelector } = end
  if (resourceSelector.typeIdentifier === 'CIDRSelector') {
    return { isHotCluster, resourceSelectors: { ...resourceSelector } }
  }
  const pairs = (map: Readonly<Record<string, string>>) =>
    Object.entries(map).map(([key, value]) => ({ key, value }))
  return {
    isHotCluster,
    resourceSelectors: {
      typeIdentifier: 'PodNamespaceSelector',
      selector: {
        pod: pairs(resourceSelector.selector.pod),
        namespace: pairs(resourceSelector.selector.namespace),
      },
    },
  }
}

/** @returns the only form that upstream's consumer understands. */
export function networkIntentToWire(intent: NetworkIntent): WireNetworkIntent {
  return { ...intent, source: endToWire(intent.source), destination: endToWire(intent.destination) }
}

/** @throws WireError `bad-network-selector` */
export function networkAuthorizationsFromWire(
  wire: WireNetworkAuthorizations,
  path: string,
): NetworkAuthorizations {
  const read = (name: 'deniedCommunications' | 'mandatoryCommunications') =>
    (wire[name] ?? []).map((one, index) => networkIntentFromWire(one, `${path}.${name}[${index}]`))
  return {
    deniedCommunications: read('deniedCommunications'),
    mandatoryCommunications: read('mandatoryCommunications'),
  }
}

export function networkAuthorizationsToWire(
  authorizations: NetworkAuthorizations,
): WireNetworkAuthorizations {
  const write = (intents: readonly NetworkIntent[] | undefined) =>
    intents && intents.length > 0 ? intents.map(networkIntentToWire) : null
  return {
    deniedCommunications: write(authorizations.deniedCommunications),
    mandatoryCommunications: write(authorizations.mandatoryCommunications),
  }
}
