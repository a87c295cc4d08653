/**
 * The configuration as the node goes by it: every default filled in, durations in milliseconds, addresses read. Once,
 * when it is loaded, so that what cannot be read is an error there and never a silent zero at its place of use.
 */
import { readHostPort, isLoopback, type HostPort } from '../objects/host-port.ts'
import type { PeerRole } from '../objects/peer.ts'
import { DAY_MS, DEFAULT_RETENTION, type RetentionSettings } from '../objects/retention.ts'
import { canonical, parseQuantity, wholeUnits } from '../quantity/index.ts'
import { parseDuration } from '../quantity/duration.ts'
import { formatMoney } from '../quantity/money.ts'
import { parseMargin, priceFault, type Price } from '../quantity/price.ts'
import { sumOf } from '../quantity/unit-prices.ts'
import { UnreadableError } from '../quantity/unreadable.ts'
import { DEFAULT_GUESTS, type GuestSettings } from '../objects/guests.ts'
import { ConfigError } from './config-error.ts'
import type { Config } from './schema.ts'

type Amounts = Readonly<Record<string, string>>
type Given<Name extends keyof Config> = NonNullable<Config[Name]>

type GivenPrice = NonNullable<Given<'offers'>[number]['price']>

/** Compute for sale: amounts are canonical, the price is that of the whole. */
interface EffectiveSell extends Omit<Given<'sell'>, 'price' | 'capacity' | 'partition'> {
  readonly capacity: Amounts
  readonly partition?: { readonly minimum?: Amounts; readonly step?: Amounts; readonly maximum?: Amounts }
  readonly price?: Price
}

/** Anything else for sale, with the price of one. */
interface EffectiveOffer extends Omit<Given<'offers'>[number], 'price'> {
  readonly price?: Price
}

export interface EffectiveConfig {
  readonly name: string
  readonly role: PeerRole
  readonly domain: {
    readonly name: string
    readonly authority: string | undefined
    /** Relative to the node's directory. */
    readonly membership: string | undefined
    readonly authorityDirectory: string | undefined
    readonly membershipLifetimeMs: number
    readonly introduceTo: readonly string[]
  }
  readonly trustedAuthorities: Readonly<Record<string, readonly string[]>>
  readonly rear: {
    readonly listen: HostPort
    /** host:port under which others are told to reach us. */
    readonly advertise: string | undefined
    readonly plainListen: HostPort | undefined
    readonly maxBodyBytes: number
  }
  readonly control: { readonly listen: HostPort }
  readonly peers: Given<'peers'>
  readonly acceptance: Given<'acceptance'>
  readonly catalog: { readonly quota: number; readonly longestValidityMs: number }
  readonly supernode: { readonly margin: string | undefined; readonly introduce: boolean }
  readonly listedDomains: readonly string[]
  readonly neighbours: {
    /** Whether to announce ourselves on the local network and look for others; never from loopback. */
    readonly mdns: boolean
    readonly multicast: (HostPort & { readonly interface: string | undefined }) | undefined
  }
  readonly cluster: {
    /** Measured when undefined. */
    readonly capacity: Amounts | undefined
    readonly labels: Readonly<Record<string, string>>
  }
  readonly sell: EffectiveSell | undefined
  readonly offers: readonly EffectiveOffer[]
  /** Whether programs of others may run here. */
  readonly allowWorkloads: boolean
  readonly guests: GuestSettings
  readonly contracts: {
    readonly holdMs: number
    readonly longestMs: number
    readonly longestUnauthenticatedMs: number
    readonly holds: Required<NonNullable<Given<'contracts'>['holds']>>
  }
  readonly ratings: { readonly share: boolean }
  readonly retention: RetentionSettings
}

/** For loopback, on any free port. */
const DEFAULT_LISTEN = '127.0.0.1:0'
const DEFAULT_BODY_BYTES = 1024 * 1024
const DEFAULT_QUOTA = 1_000
const DEFAULT_HOLDS = { perBuyer: 100, perDomain: 400, perMinute: 120, share: 0.5 }
const MULTICAST = /^2(2[4-9]|3[0-9])(\.[0-9]{1,3}){3}$/

/**
 * @param config checked against its schema
 * @throws ConfigError that names the first field that cannot be read
 */
export function effectiveConfig(config: Config): EffectiveConfig {
  const { domain = {} as Partial<Given<'domain'>>, rear = {}, catalog, contracts, cluster, sell } = config
  const role = config.role ?? 'node'
  const listen = hostPort('rear.listen', rear.listen ?? DEFAULT_LISTEN)
  const onLoopback = isLoopback(listen)
  const amounts = (field: string, of: Readonly<Record<string, string | number>>): Amounts =>
    Object.fromEntries(Object.entries(of).map(([name, text]) => [name, amount(`${field}.${name}`, text)]))
  return {
    name: config.name,
    role,
    domain: {
      name: domain.name ?? 'local',
      authority: domain.authority,
      membership: domain.membership,
      authorityDirectory: domain.authorityDirectory,
      membershipLifetimeMs: duration('domain.membershipLifetime', domain.membershipLifetime ?? '24h'),
      introduceTo: domain.introduceTo ?? [],
    },
    trustedAuthorities: config.trustedAuthorities ?? {},
    rear: {
      listen,
      advertise: rear.advertise === undefined ? undefined : reachable('rear.advertise', rear.advertise),
      plainListen:
        rear.plainListen === undefined ? undefined : hostPort('rear.plainListen', rear.plainListen),
      maxBodyBytes: rear.maxBodyBytes ?? DEFAULT_BODY_BYTES,
    },
    control: { listen: hostPort('control.listen', config.control?.listen ?? DEFAULT_LISTEN) },
    peers: (config.peers ?? []).map((peer, index) => ({
      ...peer,
      address: reachable(`peers.${index}.address`, peer.address),
    })),
    acceptance: config.acceptance ?? 'domain',
    catalog: {
      quota: catalog?.quota ?? DEFAULT_QUOTA,
      longestValidityMs: duration('catalog.longestValidity', catalog?.longestValidity ?? '1h'),
    },
    supernode: {
      margin: margin('supernode.margin', config.supernode?.margin),
      introduce: config.supernode?.introduce ?? true,
    },
    listedDomains: config.listedDomains ?? [],
    neighbours: {
      mdns: !onLoopback && (config.neighbours?.mdns ?? role !== 'catalog'),
      multicast: config.neighbours?.multicast && {
        ...multicast('neighbours.multicast.address', config.neighbours.multicast.address),
        interface: config.neighbours.multicast.interface,
      },
    },
    cluster: {
      capacity: cluster?.capacity && amounts('cluster.capacity', cluster.capacity),
      labels: cluster?.labels ?? {},
    },
    sell: sell && {
      ...unpriced(sell),
      ...priced('sell', sell.price, { pods: '110', ...amounts('sell.capacity', sell.capacity) }),
      capacity: amounts('sell.capacity', sell.capacity),
      ...(sell.partition && {
        partition: Object.fromEntries(
          Object.entries(sell.partition).map(([name, of]) => [name, amounts(`sell.partition.${name}`, of)]),
        ),
      }),
    },
    offers: (config.offers ?? []).map(({ price, ...offer }, index) => ({
      ...offer,
      ...priced(`offers.${index}`, price),
    })),
    allowWorkloads: (config.allowWorkloads ?? false) !== false,
    guests: {
      runner: config.guests?.runner ?? DEFAULT_GUESTS.runner,
      egress: config.guests?.egress ?? DEFAULT_GUESTS.egress,
      diskBytes: bytes('guests.disk', config.guests?.disk ?? String(DEFAULT_GUESTS.diskBytes)),
      imageBytes: bytes('guests.images', config.guests?.images ?? String(DEFAULT_GUESTS.imageBytes)),
      longestGraceMs:
        config.guests?.longestGrace === undefined
          ? DEFAULT_GUESTS.longestGraceMs
          : duration('guests.longestGrace', config.guests.longestGrace),
      unisolated: config.allowWorkloads === 'unisolated',
    },
    contracts: {
      holdMs: duration('contracts.hold', contracts?.hold ?? '2m'),
      longestMs: duration('contracts.longest', contracts?.longest ?? '365d'),
      longestUnauthenticatedMs: duration(
        'contracts.longestUnauthenticated',
        contracts?.longestUnauthenticated ?? '1h',
      ),
      holds: { ...DEFAULT_HOLDS, ...contracts?.holds },
    },
    ratings: { share: config.ratings?.share ?? true },
    retention: retention(config.retention ?? {}),
  }
}

/** What a fact is derived from may be here for a week after it happened; the fact must be here as long. */
const SHORTEST_FACTS_MS = 8 * DAY_MS

function retention({ contracts, facts, events, traces }: Given<'retention'>): RetentionSettings {
  const of = (name: string, text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : duration(`retention.${name}`, text)
  const factsMs = of('facts', facts, DEFAULT_RETENTION.factsMs)
  if (factsMs < SHORTEST_FACTS_MS)
    throw new ConfigError(`retention.facts: "${facts}" is less than 8d`, { field: 'retention.facts' })
  return {
    contractsMs: of('contracts', contracts, DEFAULT_RETENTION.contractsMs),
    factsMs,
    eventsMs: of('events', events, DEFAULT_RETENTION.eventsMs),
    plansMs: DEFAULT_RETENTION.plansMs,
    traces: traces ?? DEFAULT_RETENTION.traces,
  }
}

function duration(field: string, text: string): number {
  const seconds = readable(field, () => parseDuration(text))
  if (seconds > 0) return seconds * 1000
  throw new ConfigError(`${field}: "${text}" is no time at all`, { field })
}

function readable<T>(field: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof UnreadableError)) throw cause
    throw new ConfigError(`${field}: ${cause.message}`, { cause, field })
  }
}

/** @param whole what a price of unit prices is of; undefined for what is sold by the unit */
function priced(field: string, given: GivenPrice | undefined, whole?: Amounts): { readonly price?: Price } {
  if (given === undefined) return {}
  const at = `${field}.price`
  const wrong = (text: string): ConfigError => new ConfigError(`${at}: ${text}`, { field: at })
  const { amount, units, ...rest } = given
  if ((amount === undefined) === (units === undefined)) throw wrong('want either amount or units')
  if (amount !== undefined) return { price: readablePrice(at, { ...rest, amount: String(amount) }) }
  if (whole === undefined) throw wrong('units are for compute; what is sold by the unit has an amount')
  const texts = Object.fromEntries(Object.entries(units ?? {}).map(([name, unit]) => [name, String(unit)]))
  const unknown = Object.keys(texts).find((resource) => !Object.hasOwn(whole, resource))
  if (unknown !== undefined) throw wrong(`units: there is no ${unknown} in the capacity`)
  const sum = readable(at, () => formatMoney(sumOf(texts, whole)))
  return { price: readablePrice(at, { ...rest, amount: sum, units: texts }) }
}

function readablePrice(field: string, price: Price): Price {
  const fault = priceFault(price)
  if (fault !== undefined) throw new ConfigError(`${field}: ${fault}`, { field })
  return price
}

function margin(field: string, text: string | undefined): string | undefined {
  if (text !== undefined) readable(field, () => parseMargin(text))
  return text
}

function bytes(field: string, text: string): number {
  return Number(wholeUnits(parseQuantity(amount(field, text))))
}

function hostPort(field: string, text: string): HostPort {
  const read = readHostPort(text)
  if (read === undefined) throw new ConfigError(`${field}: "${text}" is not host:port`, { field })
  return read
}

/** Where somebody can be: not at port 0. */
function reachable(field: string, text: string): string {
  if (hostPort(field, text).port === 0)
    throw new ConfigError(`${field}: nobody can be reached at port 0`, { field })
  return text
}

function multicast(field: string, text: string): HostPort {
  const read = hostPort(field, text)
  if (MULTICAST.test(read.host) && read.port > 0) return read
  throw new ConfigError(`${field}: "${text}" is not host:port of an IPv4 multicast group`, { field })
}

function unpriced({ price: _, partition: __, capacity: ___, ...rest }: Given<'sell'>) {
  return rest
}

function amount(field: string, text: string | number): string {
  try {
    return canonical(text)
  } catch (cause) {
    throw new ConfigError(`${field}: "${text}" is not a quantity`, { cause, field })
  }
}
