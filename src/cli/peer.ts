/**
 * `tributary peer`: which other nodes this one knows, and with which of them it deals.
 */
import type { Contract } from '../objects/contract.ts'
import type { Peer } from '../objects/peer.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note, print } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { addClientOptions, examples, type GlobalOptions, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { withNodeNames } from './peer-names.ts'
import { printable, shortId } from './printable.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

const CONTRACTS = '/apis/reservation.fluidos.eu/v1alpha1/contracts'
const PEERS = '/apis/tributary.io/v1alpha1/peers'

export const peerVerb: Verb = (program, context) => {
  const peer = program
    .command('peer')
    .description('the nodes that this one knows: list, accept, reject, reset')
    .addHelpText(
      'after',
      examples(
        ['tributary peer list', 'who they are, and whether we deal with them'],
        ['tributary peer accept beta', 'deal with the node that calls itself beta'],
        ['tributary peer reject did:key:z6Mk…', 'do not, whatever the policy says'],
        ['tributary peer reject beta --close', 'and end the contracts with it'],
        ['tributary peer reset beta', 'leave it to the policy again'],
      ),
    )
  const list = peer
    .command('list')
    .description('the nodes that this one knows')
    .addOption(outputOption(['json', 'yaml', 'wide']))
    .action(async (...args: unknown[]) => listPeers(context, optionsOf(commandOf(args))))
  addClientOptions(list)
  for (const [verb, accepted, meaning] of [
    ['accept', true, 'deal with a node, whatever the policy says'],
    ['reject', false, 'refuse a node, whatever the policy says'],
    ['reset', null, 'leave it to the policy again whether we deal with a node'],
  ] as const) {
    const command = peer.command(`${verb} <peer>`).description(`${meaning}; by name, node id or address`)
    if (accepted === false) command.option('--close', 'end the contracts with it, too')
    command.action(async (...args: unknown[]) => {
      const [name] = args as [string]
      await decide(context, name, accepted, optionsOf<DecideOptions>(commandOf(args)))
    })
    addClientOptions(command)
  }
}

interface DecideOptions extends GlobalOptions {
  readonly close?: boolean
}

async function listPeers(context: Context, options: GlobalOptions): Promise<void> {
  const client = connect(context, options)
  try {
    const peers = await fetchPeers(client)
    const { output } = options
    if (output === 'json' || output === 'yaml') {
      context.stdout.write(encodeAs(output, { apiVersion: 'v1', kind: 'List', items: peers }))
      return
    }
    if (peers.length === 0) {
      note(context, 'No peers known. Name some under peers in config.yaml.')
      return
    }
    const wide = output === 'wide'
    const rows = peers.map(({ metadata, spec, status }) =>
      [
        status?.name,
        status?.phase ?? 'Unknown',
        decision(spec.accepted),
        status?.role ?? spec.role,
        status?.domain,
        spec.address,
        spec.nodeID === undefined ? undefined : wide ? spec.nodeID : shortId(spec.nodeID),
        ...(wide ? [metadata.name, spec.source] : []),
        withNodeNames(status?.message ?? ''),
      ].map((cell) => printable(cell ?? '-') || '-'),
    )
    const more = wide ? ['OBJECT', 'SOURCE'] : []
    const header = ['NAME', 'PHASE', 'DECISION', 'ROLE', 'DOMAIN', 'ADDRESS', 'ID', ...more, 'MESSAGE']
    print(context, ...formatTable([header, ...rows]))
  } finally {
    client.close()
  }
}

function decision(accepted: unknown): string {
  return accepted === undefined ? 'by policy' : accepted === true ? 'accepted' : 'rejected'
}

async function fetchPeers(client: ControlClient): Promise<readonly Peer[]> {
  return (await client.get<{ items: readonly Peer[] }>(PEERS)).items
}

async function decide(
  context: Context,
  word: string,
  accepted: boolean | null,
  options: DecideOptions,
): Promise<void> {
  const client = connect(context, options)
  try {
    const peers = await fetchPeers(client)
    const exact = peers.filter(
      ({ metadata, spec }) => metadata.name === word || spec.nodeID === word || spec.address === word,
    )
    // What a node calls itself proves nothing: two may use one name.
    const found = exact.length > 0 ? exact : peers.filter(({ status }) => status?.name === word)
    if (found.length === 0) {
      throw new CliError(`no peer "${word}" is known\nSee them with: tributary peer list`, EXIT.notFound)
    }
    if (found.length > 1) {
      const ids = found.map(({ metadata, spec }) => `  ${spec.nodeID ?? metadata.name}`)
      throw new CliError(
        `several peers call themselves "${word}"; say which by its id:\n${ids.join('\n')}`,
        EXIT.usage,
      )
    }
    const [peer] = found
    await client.request('PATCH', `${PEERS}/${encodeURIComponent(peer!.metadata.name)}`, {
      body: { spec: { accepted } },
      contentType: 'application/merge-patch+json',
    })
    const who = peer!.status?.name ?? peer!.spec.address ?? peer!.metadata.name
    const done = accepted === null ? 'left to the policy' : accepted ? 'accepted' : 'rejected'
    print(context, `peer ${printable(who)} ${done}`)
    if (options.close === true) await closeContracts(context, client, peer!.spec.nodeID)
  } finally {
    client.close()
  }
}

/** Ends what is in force with a node; each contract is closed as `tributary delete contract` does. */
async function closeContracts(
  context: Context,
  client: ControlClient,
  nodeID: string | undefined,
): Promise<void> {
  if (nodeID === undefined) return
  const { items } = await client.get<{ items: readonly Contract[] }>(CONTRACTS)
  const inForce = items.filter(
    ({ metadata, spec, status }) =>
      metadata.deletionTimestamp === undefined &&
      (spec.buyer.nodeID === nodeID || spec.seller.nodeID === nodeID) &&
      (status?.phase?.phase ?? 'Active') === 'Active',
  )
  for (const { metadata } of inForce) {
    const { namespace = 'default', name } = metadata
    const path = `/apis/reservation.fluidos.eu/v1alpha1/namespaces/${namespace}/contracts/${name}`
    await client.request('DELETE', path)
    print(context, `contract ${printable(name)} closed`)
  }
}
