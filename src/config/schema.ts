/** What may stand in a node's `config.yaml`. Closed: an unknown member is a typing error. */
import Type, { type Static } from 'typebox'
import { VISIBILITIES } from '../objects/flavor.ts'
import {
  AMOUNT_PATTERN,
  anyObject,
  closed,
  CURRENCY_PATTERN,
  DURATION_PATTERN,
  oneOf,
} from '../objects/schema.ts'
import { QUANTITY_PATTERN } from '../objects/schema.ts'
import { LOG_LEVELS } from '../kernel/log.ts'

const text = (description: string, options: object = {}) =>
  Type.String({ minLength: 1, description, ...options })
/** Numbers need no quotes. */
const amounts = (description: string) =>
  Type.Record(Type.String(), Type.Union([Type.String(), Type.Number({ minimum: 0 })]), { description })
const DecimalSchema = Type.Union([Type.String({ pattern: AMOUNT_PATTERN }), Type.Number({ minimum: 0 })])

const PriceSchema = closed({
  amount: Type.Optional(DecimalSchema),
  units: Type.Optional(
    Type.Record(Type.String(), DecimalSchema, {
      description: 'Instead of amount: what one cpu, a GiB of memory or storage, one pod costs.',
    }),
  ),
  currency: text('For example EUR.', { pattern: CURRENCY_PATTERN }),
  period: oneOf(['second', 'minute', 'hour', 'day', 'week', 'month', 'year']),
})

const OfferProperties = {
  price: Type.Optional(PriceSchema),
  location: Type.Optional(
    closed({
      latitude: Type.Optional(Type.String()),
      longitude: Type.Optional(Type.String()),
      country: Type.Optional(Type.String()),
      city: Type.Optional(Type.String()),
      additionalNotes: Type.Optional(Type.String()),
    }),
  ),
  visibility: Type.Optional(oneOf(VISIBILITIES, { default: 'public' })),
}

export const SellSchema = closed(
  {
    capacity: amounts('What is for sale, in Kubernetes quantities: cpu, memory, pods, storage.'),
    partition: Type.Optional(
      closed({
        minimum: Type.Optional(amounts('The smallest part that is sold.')),
        step: Type.Optional(amounts('Parts are multiples of this.')),
        maximum: Type.Optional(amounts('The largest part that one buyer gets.')),
      }),
    ),
    properties: Type.Optional(anyObject({ description: 'latency, securityStandards, carbon-footprint, …' })),
    ...OfferProperties,
  },
  { description: 'Spare compute for sale. Leave it out to sell none.' },
)

export const OtherOfferSchema = closed({
  name: text('Unique among the offers; lower case, digits and dashes.', { pattern: '^[a-z0-9-]{1,40}$' }),
  type: oneOf(['service', 'vm', 'sensor']),
  units: Type.Optional(
    Type.Integer({ minimum: 1, default: 1, description: 'How many times it can be sold at once.' }),
  ),
  data: anyObject({ description: 'What is said of it: name, description, category, tags, …' }),
  access: Type.Optional(
    Type.Record(Type.String(), Type.String(), { description: 'What a buyer gets to use it.' }),
  ),
  ...OfferProperties,
})

export const ConfigSchema = closed({
  name: text('The node: also the name of its Kubernetes node.', {
    pattern: '^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$',
  }),
  role: Type.Optional(oneOf(['node', 'supernode', 'catalog'], { default: 'node' })),
  domain: Type.Optional(
    closed({
      name: text('The administrative domain, for example example.org.'),
      authority: Type.Optional(text('did:key of the authority that vouches for members of the domain.')),
      membership: Type.Optional(
        text('File with our membership credential, relative to the directory; renewed by itself.'),
      ),
      authorityDirectory: Type.Optional(
        text('Directory of the domain authority, relative to ours: this node renews and revokes for it.'),
      ),
      membershipLifetime: Type.Optional(
        text('How long a renewed credential lasts.', { pattern: DURATION_PATTERN, default: '24h' }),
      ),
      introduceTo: Type.Optional(
        Type.Array(Type.String(), {
          description:
            'Other domains whose supernodes are told who the members of ours are. None by default.',
        }),
      ),
    }),
  ),
  trustedAuthorities: Type.Optional(
    Type.Record(Type.String(), Type.Array(Type.String()), {
      description: 'Other domains and the did:keys of their authorities.',
    }),
  ),
  rear: Type.Optional(
    closed({
      listen: Type.Optional(text('host:port; port 0 takes any free one.', { default: '127.0.0.1:0' })),
      advertise: Type.Optional(text('host:port under which others reach us, if it is not where we listen.')),
      plainListen: Type.Optional(
        text('host:port of a plain HTTP listener for upstream nodes. Off by default.'),
      ),
      maxBodyBytes: Type.Optional(Type.Integer({ minimum: 1024, default: 1048576 })),
    }),
  ),
  control: Type.Optional(
    closed({ listen: Type.Optional(text('host:port of the control API.', { default: '127.0.0.1:0' })) }),
  ),
  peers: Type.Optional(
    Type.Array(
      closed({
        address: text('host:port of its REAR listener.'),
        id: Type.Optional(text('did:key; when given, nobody else is accepted there.')),
        role: Type.Optional(oneOf(['node', 'supernode', 'catalog'], { default: 'node' })),
        accept: Type.Optional(Type.Boolean({ description: 'Deal with it, whatever the policy says.' })),
        subscribe: Type.Optional(
          Type.Boolean({
            description:
              'Of a catalog: have it tell us of changes, instead of asking when we need something.',
          }),
        ),
        mirror: Type.Optional(
          Type.Boolean({ description: 'Of a catalog, in another: pass on to others what it offers.' }),
        ),
      }),
    ),
  ),
  acceptance: Type.Optional(
    oneOf(['ask', 'domain', 'listed', 'anyone-for-listing'], {
      default: 'domain',
      description:
        'Which peers we deal with: those the user accepted one by one (ask), members of trusted domains (domain), only the listed peers, or anybody for listing.',
    }),
  ),
  catalog: Type.Optional(
    closed({
      quota: Type.Optional(
        Type.Integer({
          minimum: 1,
          default: 1000,
          description: 'How many offers of one provider are taken.',
        }),
      ),
      longestValidity: Type.Optional(
        text('For how long an offer is believed that is not refreshed, at most.', {
          pattern: DURATION_PATTERN,
          default: '1h',
        }),
      ),
    }),
  ),
  supernode: Type.Optional(
    closed({
      margin: Type.Optional(
        text('What is added to the price of what is passed on, stated to the buyer.', {
          pattern: '^[0-9]{1,3}(\\.[0-9]{1,4})?%$',
        }),
      ),
      introduce: Type.Optional(
        Type.Boolean({ default: true, description: 'Tell the members of our domain who the others are.' }),
      ),
    }),
  ),
  listedDomains: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Other domains whose members may see what is on offer with the visibility "listed".',
    }),
  ),
  neighbours: Type.Optional(
    closed({
      mdns: Type.Optional(
        Type.Boolean({
          description:
            'Announce ourselves on the local network (DNS-SD) and look for others. On by default where REAR listens on more than loopback; never on loopback.',
        }),
      ),
      multicast: Type.Optional(
        closed(
          {
            address: text('host:port of the multicast group.', { default: '239.11.11.1:4000' }),
            interface: Type.Optional(text('Address of the network interface to use; any by default.')),
          },
          { description: 'Exchange the datagrams of upstream nodes. Off unless set.' },
        ),
      ),
    }),
  ),
  cluster: Type.Optional(
    closed({
      fabric: Type.Optional(oneOf(['embedded'], { default: 'embedded' })),
      capacity: Type.Optional(amounts('What this node has for its own workloads; measured when left out.')),
      labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    }),
  ),
  sell: Type.Optional(SellSchema),
  offers: Type.Optional(Type.Array(OtherOfferSchema)),
  allowWorkloads: Type.Optional(
    Type.Union([Type.Boolean(), Type.Literal('unisolated')], {
      default: false,
      description:
        'Run the programs of buyers on this machine, as selling compute with the embedded fabric needs: true runs them in containers or sandboxes or not at all; unisolated runs them as ordinary processes where neither works, which gives the machine away.',
    }),
  ),
  guests: Type.Optional(
    closed({
      runner: Type.Optional(oneOf(['auto', 'container', 'sandbox', 'process'], { default: 'auto' })),
      egress: Type.Optional(oneOf(['none', 'internet', 'all'], { default: 'internet' })),
      disk: Type.Optional(
        text('What one contract may write, where it does not say.', {
          pattern: QUANTITY_PATTERN,
          default: '256Mi',
        }),
      ),
      images: Type.Optional(
        text('What the images that are pulled for one contract may have together.', {
          pattern: QUANTITY_PATTERN,
          default: '4Gi',
        }),
      ),
      longestGrace: Type.Optional(
        text('How long a program of a buyer gets at most to end.', {
          pattern: '^[0-9]+(s|m|h|d)$',
          default: '30s',
        }),
      ),
    }),
  ),
  contracts: Type.Optional(
    closed({
      hold: Type.Optional(
        text('How long RESERVE holds capacity.', { pattern: DURATION_PATTERN, default: '2m' }),
      ),
      longest: Type.Optional(
        text('The longest contract that is sold.', { pattern: DURATION_PATTERN, default: '365d' }),
      ),
      longestUnauthenticated: Type.Optional(
        text('The longest contract that is sold on the plain listener, where nobody proves who he is.', {
          pattern: '^[0-9]+(s|m|h|d)$',
          default: '1h',
        }),
      ),
      holds: Type.Optional(
        closed(
          {
            perBuyer: Type.Optional(Type.Integer({ minimum: 1, default: 100 })),
            perDomain: Type.Optional(Type.Integer({ minimum: 1, default: 400 })),
            perMinute: Type.Optional(
              Type.Integer({ minimum: 1, default: 120, description: 'That a buyer does not buy.' }),
            ),
            share: Type.Optional(
              Type.Number({
                minimum: 0.01,
                maximum: 1,
                default: 0.5,
                description: 'Of a pool, that a buyer may hold who lately let a hold of it run out.',
              }),
            ),
          },
          { description: 'How much may be held without being bought.' },
        ),
      ),
    }),
  ),
  ratings: Type.Optional(
    closed({
      share: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'Tell catalogs, signed, what we think of the other party when a contract has ended.',
        }),
      ),
    }),
  ),
  retention: Type.Optional(
    closed({
      contracts: Type.Optional(
        text('How long a contract is kept after its end.', { pattern: DURATION_PATTERN, default: '90d' }),
      ),
      facts: Type.Optional(
        text('How long what happened in dealings is kept one by one; at least 8d.', {
          pattern: DURATION_PATTERN,
          default: '365d',
        }),
      ),
      events: Type.Optional(
        text('How long events are kept after they were seen last.', {
          pattern: DURATION_PATTERN,
          default: '1h',
        }),
      ),
      traces: Type.Optional(Type.Integer({ minimum: 1, default: 2000, description: 'How many are kept.' })),
    }),
  ),
  log: Type.Optional(closed({ level: Type.Optional(oneOf(LOG_LEVELS, { default: 'info' })) })),
})
export type Config = Static<typeof ConfigSchema>
