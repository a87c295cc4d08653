/**
 * The `config.yaml` that `tributary init` writes: every option with its explanation, commented out where
 * nobody said otherwise. What is commented out is an example, or the default.
 */
import { stringify } from 'yaml'
import { type Config, ConfigSchema } from './schema.ts'

/** One member of the configuration, or of one of its groups. */
interface Entry {
  readonly explanation: string
  /** Shown, commented out, unless there is a value; where there is a default it is that. */
  readonly example: unknown
}

interface Section {
  readonly explanation: string
  /** A group of entries, or one entry whose value is shown as a whole. */
  readonly members?: Readonly<Record<string, Entry>>
  readonly example?: unknown
}

/** That of the specification of did:key. */
const EXAMPLE_ID = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

const SECTIONS: Readonly<Record<keyof Config, Section>> = {
  name: {
    explanation: 'The node: also the name of its Kubernetes node. Lower case, digits and dashes.',
    example: 'node',
  },
  role: {
    explanation: 'node, supernode (acts for the nodes of its domain) or catalog (collects offers of others).',
    example: 'node',
  },
  domain: {
    explanation: 'The administrative domain that this node belongs to.',
    members: {
      name: { explanation: 'Its name, a DNS name.', example: 'example.org' },
      authority: {
        explanation: 'The authority that vouches for members of the domain (see: tributary domain init).',
        example: EXAMPLE_ID,
      },
      membership: {
        explanation:
          'File with our membership credential, relative to this folder (see: tributary domain admit).',
        example: 'membership.jwt',
      },
      authorityDirectory: {
        explanation:
          'Folder of the authority, relative to this one, on the supernode that holds it: it renews the credentials\n' +
          'of the members, and honours what was revoked (see: tributary domain revoke).',
        example: 'authority',
      },
      membershipLifetime: {
        explanation:
          'How long a renewed credential lasts: 12h, 24h, 7d. Other domains believe a revoked member for so long.',
        example: '24h',
      },
      introduceTo: {
        explanation: 'Other domains whose supernodes are told who the members of ours are. None by default.',
        example: ['example.com'],
      },
    },
  },
  trustedAuthorities: {
    explanation: 'Other domains whose members we deal with, and the authorities that speak for them.',
    example: { 'example.com': [EXAMPLE_ID] },
  },
  rear: {
    explanation: 'Where other nodes reach this one (REAR, over mutual TLS).',
    members: {
      listen: { explanation: 'host:port; port 0 takes any free one.', example: '127.0.0.1:0' },
      advertise: {
        explanation: 'host:port under which others reach us, if it is not where we listen.',
        example: 'node.example.org:7443',
      },
      plainListen: {
        explanation:
          'host:port of a plain HTTP listener for upstream nodes. Nobody is authenticated there: off unless set.',
        example: '127.0.0.1:3004',
      },
      maxBodyBytes: { explanation: 'Larger messages are refused.', example: 1_048_576 },
    },
  },
  control: {
    explanation:
      'The API for kubectl, the command line and the dashboard. It has no authentication: keep it on loopback.',
    members: { listen: { explanation: 'host:port; port 0 takes any free one.', example: '127.0.0.1:0' } },
  },
  peers: {
    explanation:
      'Nodes that we know: where they are and, if you like, who must be there (id), what they are (role),\n' +
      'and whether we deal with them whatever the policy says (accept).',
    example: [{ address: '192.0.2.7:7443', id: EXAMPLE_ID, role: 'node', accept: true }],
  },
  acceptance: {
    explanation:
      'With which peers we deal: ask (those you accepted with: tributary peer accept), domain (members of our and\n' +
      'of trusted domains), listed (only those under peers), anyone-for-listing (strangers may look, not buy).',
    example: 'domain',
  },
  catalog: {
    explanation: 'What a catalog, or a supernode for its domain, takes from providers.',
    members: {
      quota: { explanation: 'How many offers of one provider are taken.', example: 1000 },
      longestValidity: {
        explanation: 'For how long an offer is believed that is not refreshed, at most.',
        example: '1h',
      },
    },
  },
  supernode: {
    explanation: 'What a supernode does for others.',
    members: {
      margin: {
        explanation:
          'Added to the price of what is passed on; the buyer sees both prices. Nothing by default.',
        example: '2.5%',
      },
      introduce: { explanation: 'Tell the members of our domain who the others are.', example: true },
    },
  },
  listedDomains: {
    explanation: 'Other domains whose members may see offers with the visibility "listed".',
    example: ['example.com'],
  },
  neighbours: {
    explanation:
      'How we find others on the local network. Who is found is known, not trusted: see acceptance.',
    members: {
      mdns: {
        explanation:
          'Announce ourselves (DNS-SD, _tributary._tcp) and look for others. Default: on, except where rear.listen is\n' +
          'loopback: there it is always off.',
        example: true,
      },
      multicast: {
        explanation:
          'Exchange the datagrams of upstream nodes; interface is the address of the network interface to use.',
        example: { address: '239.11.11.1:4000', interface: '192.0.2.7' },
      },
    },
  },
  cluster: {
    explanation: "This node's own cluster, for its own workloads.",
    members: {
      capacity: {
        explanation: 'What there is for them; measured, less what is for sale, when left out.',
        example: { cpu: '2', memory: '4Gi', pods: '50' },
      },
      labels: {
        explanation: "Labels of the node's Kubernetes node.",
        example: { 'topology.kubernetes.io/zone': 'a' },
      },
    },
  },
  sell: {
    explanation:
      'Spare compute for sale. Leave it out to sell none. Needs allowWorkloads, below.\n' +
      'price: either units (one CPU, one GiB of memory or storage, one pod), or the amount for all of it, which is\n' +
      'half for the CPU and half for the memory. Numbers need no quotes. See docs/prices.md.',
    example: {
      capacity: { cpu: '4', memory: '4Gi', pods: '20' },
      partition: {
        minimum: { cpu: '100m', memory: '64Mi', pods: '1' },
        step: { cpu: '100m', memory: '64Mi', pods: '1' },
        maximum: { cpu: '2', memory: '2Gi', pods: '10' },
      },
      price: { units: { cpu: 0.01, memory: 0.0025 }, currency: 'EUR', period: 'hour' },
      location: { country: 'IT', city: 'Turin', latitude: '45.07', longitude: '7.69' },
      visibility: 'public',
      properties: { latency: 5 },
    },
  },
  offers: {
    explanation: 'Other things for sale: services, virtual machines, sensors.',
    example: [
      {
        name: 'temperature',
        type: 'sensor',
        units: 10,
        data: { description: 'Air temperature on the roof' },
        access: { url: 'mqtt://192.0.2.7/roof' },
        price: { amount: '1', currency: 'EUR', period: 'month' },
        visibility: 'public',
      },
    ],
  },
  allowWorkloads: {
    explanation:
      'Run the programs of buyers on this machine, as selling compute with the embedded fabric needs. true: in\n' +
      'containers or sandboxes, or not at all where neither works. unisolated: as ordinary processes there. DANGEROUS:\n' +
      'they reach what every program of this machine reaches; only for buyers whom you would give a login.',
    example: false,
  },
  guests: {
    explanation: 'How programs of buyers run. What is in force `tributary status` and the offers say.',
    members: {
      runner: {
        explanation:
          'auto: where a container engine answers, pods run their images; else, and where a container has none, sandboxes\n' +
          '(bubblewrap). Or one of container, sandbox, process. Our own pods run their images with auto and container,\n' +
          'else as processes.',
        example: 'auto',
      },
      egress: {
        explanation:
          'What they reach of the world: none, internet (without private addresses), all. A runner that cannot keep\n' +
          'it gives less, not more: none in sandboxes.',
        example: 'internet',
      },
      disk: { explanation: 'What one contract may write, where it does not say.', example: '256Mi' },
      images: {
        explanation:
          'What the images that are pulled for one contract may have together. They go when it ends.',
        example: '4Gi',
      },
      longestGrace: {
        explanation: 'How long a program gets to end, whatever its buyer says.',
        example: '30s',
      },
    },
  },
  contracts: {
    explanation: 'The terms under which we sell.',
    members: {
      hold: { explanation: 'How long RESERVE holds capacity for a buyer: 30s, 2m, 1h, 7d.', example: '2m' },
      longest: { explanation: 'The longest contract that we sell.', example: '365d' },
      longestUnauthenticated: {
        explanation: 'The longest contract that we sell on the plain listener, to whoever comes.',
        example: '1h',
      },
      holds: {
        explanation:
          'How much may be held without being bought: holds at a time of one buyer and of one domain, those a minute\n' +
          'without buying, and the part of a pool that one may hold who lately let a hold of it run out.',
        example: { perBuyer: 100, perDomain: 400, perMinute: 120, share: 0.5 },
      },
    },
  },
  ratings: {
    explanation: 'What we note of past dealings stays here; what of it we tell others is decided here.',
    members: {
      share: {
        explanation:
          'When a contract has ended, tell the catalogs that we know what we think of the other party: a signed\n' +
          'score, with our id, the facts behind it and the contract. false: nothing is told. For what others have\n' +
          'told a catalog see docs/domains-and-trust.md.',
        example: true,
      },
    },
  },
  retention: {
    explanation: 'How long what is over is kept. See docs/retention.md.',
    members: {
      contracts: {
        explanation:
          'A contract after its end, with its signatures and closing statement; then it is only counted.',
        example: '90d',
      },
      facts: {
        explanation:
          'What happened in dealings, one by one; then it counts in the rating alone. At least 8d.',
        example: '365d',
      },
      events: { explanation: 'Events, after they were seen last.', example: '1h' },
      traces: { explanation: 'How many traces.', example: 2000 },
    },
  },
  log: {
    explanation: 'Structured logs, one JSON line per entry, on standard error.',
    members: { level: { explanation: 'trace, debug, info, warn, error or silent.', example: 'info' } },
  },
}

/**
 * @param values what is known already; everything else is left to its default
 * @returns the text of a `config.yaml` that `loadConfig` reads back as exactly `values`
 */
export function defaultConfigText(values: Config): string {
  const head =
    `# Configuration of the Tributary node "${values.name}".\n` +
    '#\n' +
    '# Options that are not set are behind a "#" in the first column: they show the default, or an example where\n' +
    '# there is none. Remove the "#" (and that of the group above it) to set one. Read when the node starts.\n'
  const sections = (Object.keys(SECTIONS) as (keyof Config)[]).map((name) =>
    sectionText(name, SECTIONS[name], values[name]),
  )
  return [head, ...sections].join('\n')
}

function sectionText(name: string, section: Section, value: unknown): string {
  const head = commented(section.explanation, '')
  if (section.members === undefined) {
    return (
      head + (value === undefined ? disabled({ [name]: section.example }, '') : yaml({ [name]: value }, ''))
    )
  }
  const given = (value ?? {}) as Readonly<Record<string, unknown>>
  const set = Object.values(given).some((each) => each !== undefined)
  const members = Object.entries({ ...undocumented(name), ...section.members }).map(
    ([member, { explanation, example }]) => {
      const wanted = given[member]
      const text =
        wanted === undefined ? disabled({ [member]: example }, '  ') : yaml({ [member]: wanted }, '  ')
      return commented(explanation, '  ') + text
    },
  )
  return `${head}${set ? '' : '#'}${name}:\n${members.join('')}`
}

/** Members that have a description and a default in the schema need no more to be shown. */
function undocumented(group: string): Readonly<Record<string, Entry>> {
  const schema = (ConfigSchema.properties as Readonly<Record<string, { readonly properties?: object }>>)[
    group
  ]
  return Object.fromEntries(
    Object.entries(schema?.properties ?? {}).map(([member, described]) => {
      const { description = '', default: example = '...' } = described as {
        description?: string
        default?: unknown
      }
      return [member, { explanation: description, example }]
    }),
  )
}

function commented(text: string, indent: string): string {
  return eachLine(`${text}\n`, `${indent}# `)
}

function yaml(value: object, indent: string): string {
  return eachLine(stringify(value, { lineWidth: 0 }), indent)
}

/** The mark stands in the first column: what is below a group lines up once it is removed. */
function disabled(value: object, indent: string): string {
  return eachLine(stringify(value, { lineWidth: 0 }), `#${indent}`)
}

function eachLine(text: string, prefix: string): string {
  return text.replaceAll(/^(?=.)/gm, prefix)
}
