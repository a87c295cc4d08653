/**
 * `tributary delete`: tears down intents and whatever else, and can wait until it is gone.
 */
import { type ApiResource, discover, objectName, pathOf } from './api-resource.ts'
import { CliError, EXIT } from './cli-error.ts'
import { connect } from './connect.ts'
import { type Context, note, print } from './context.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'
import { readManifests } from './manifest.ts'
import { resourceOfManifest } from './manifest-complaints.ts'
import {
  addNamespaceOptions,
  durationArgument,
  examples,
  type GlobalOptions,
  optionsOf,
  outputOption,
} from './options.ts'
import { peerNames, withNodeNames } from './peer-names.ts'
import { printable } from './printable.ts'
import { parseTargets } from './targets.ts'
import { commandOf, type Verb } from './verb.ts'
import { waitForObject } from './watch-objects.ts'

interface DeleteOptions extends GlobalOptions {
  readonly filename?: string[]
  readonly selector?: string
  readonly all?: boolean
  readonly wait?: boolean
  readonly timeout: number
  readonly ignoreNotFound?: boolean
}

interface Doomed {
  readonly resource: ApiResource
  readonly namespace: string | undefined
  readonly name: string
}

export const deleteVerb: Verb = (program, context) => {
  const command = program
    .command('delete [kind[,kind]] [name...]')
    .description('delete objects; deleting an intent stops its workload and gives the resources back')
    .option('-f, --filename <file...>', 'the objects of these manifests; - for standard input')
    .option('-l, --selector <labels>', 'all of the kind with these labels')
    .option('--all', 'all of the kind in the namespace')
    .option('--wait', 'wait until they are gone')
    .option('--timeout <duration>', 'how long to wait at most', durationArgument, 60_000)
    .option('--ignore-not-found', 'what is not there needs no deleting')
    .addOption(outputOption(['name']))
    .addHelpText(
      'after',
      examples(
        ['tributary delete intent hello --wait', 'tear down, and see it through'],
        ['tributary delete -f hello.yaml', 'what the file describes'],
        ['tributary delete intents --all', 'everything that was asked for'],
      ),
    )
    .action(async (...args: unknown[]) => {
      const [kind, names] = args as [string | undefined, string[]]
      await deleteObjects(context, kind === undefined ? [] : [kind, ...names], optionsOf(commandOf(args)))
    })
  addNamespaceOptions(command)
}

async function deleteObjects(
  context: Context,
  words: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const client = connect(context, options)
  try {
    const doomed = await find(context, client, words, options)
    let missing: ApiStatusError | undefined
    const deleted: Doomed[] = []
    for (const each of doomed) {
      const path = pathOf(each.resource, each.namespace, each.name)
      try {
        await client.request('DELETE', path)
      } catch (error) {
        if (!(error instanceof ApiStatusError) || error.code !== 404) throw error
        if (!options.ignoreNotFound) {
          if (doomed.length === 1) throw error
          note(context, `error: ${error.message}`)
          missing = error
        }
        continue
      }
      deleted.push(each)
      const name = objectName(each.resource, each.name)
      print(context, options.output === 'name' ? name : `${name} deleted`)
    }
    if (doomed.length === 0) note(context, 'Nothing to delete.')
    if (options.wait) {
      await Promise.all(deleted.map((each) => waitUntilGone(context, client, each, options.timeout)))
    }
    if (missing) throw new CliError('not all of it was there', EXIT.notFound)
  } finally {
    client.close()
  }
}

async function find(
  context: Context,
  client: ControlClient,
  words: readonly string[],
  options: DeleteOptions,
): Promise<readonly Doomed[]> {
  const { filename = [], selector, all, namespace = 'default' } = options
  if (filename.length > 0 && words.length > 0)
    throw new CliError('name the objects or a file, not both', EXIT.usage)
  const resources = await discover(client)
  if (filename.length > 0) {
    const manifests = await readManifests(context, filename)
    const complaints: string[] = []
    const doomed = manifests.flatMap((manifest): readonly Doomed[] => {
      const resource = resourceOfManifest(resources, manifest)
      if (typeof resource === 'string') {
        complaints.push(resource)
        return []
      }
      const { name, namespace: own = namespace } = manifest.object.metadata
      return [{ resource, name, namespace: resource.namespaced ? own : undefined }]
    })
    if (complaints.length > 0) throw new CliError(complaints.join('\n'))
    return doomed
  }
  const targets = parseTargets(resources, words)
  const found = await Promise.all(
    targets.map(async ({ resource, name }): Promise<readonly Doomed[]> => {
      const at = resource.namespaced ? namespace : undefined
      if (name !== undefined) return [{ resource, name, namespace: at }]
      if (!all && selector === undefined) {
        throw new CliError(`which ${resource.plural}? Name them, or use -l LABELS or --all`, EXIT.usage)
      }
      const list = await client.get<{ items: readonly { metadata: { name: string } }[] }>(
        pathOf(resource, at),
        {
          query: { labelSelector: selector },
        },
      )
      return list.items.map(({ metadata }) => ({ resource, name: metadata.name, namespace: at }))
    }),
  )
  return found.flat()
}

/** Says what is waited for whenever that changes. */
async function waitUntilGone(
  context: Context,
  client: ControlClient,
  { resource, namespace, name }: Doomed,
  timeoutMs: number,
): Promise<void> {
  const display = objectName(resource, name)
  const names = await peerNames(client)
  let last = ''
  await waitForObject(context, client, {
    collection: pathOf(resource, namespace),
    name,
    timeoutMs,
    waitingFor: () => `${display} to go${last === '' ? '' : `: ${last}`}`,
    ready: (object) => {
      if (object === undefined) return true
      const { message, phase } = (object.status ?? {}) as { message?: unknown; phase?: unknown }
      const text = [phase, message].filter((part) => typeof part === 'string').join(': ')
      const held = text || `finalizers ${object.metadata.finalizers?.join(', ') ?? 'none'}`
      const state = withNodeNames(printable(held), names)
      if (state !== last) note(context, `${display}: waiting: ${state}`)
      last = state
      return undefined
    },
  })
  note(context, `${display} is gone`)
}
