/**
 * Waits until what was applied runs, and says what is waited for whenever that changes.
 */
import type { Deployment } from '../objects/core/deployment.ts'
import type { Intent } from '../objects/intent.ts'
import { type ApiResource, objectName, pathOf } from './api-resource.ts'
import type { AppliedObject } from './apply-object.ts'
import { CliError } from './cli-error.ts'
import { type Context, note } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { peerNames, withNodeNames } from './peer-names.ts'
import { printable } from './printable.ts'
import { tellPurchases } from './tell-purchases.ts'
import { waitForObject, type WatchedObject } from './watch-objects.ts'

/** How far an object is. */
type Progress =
  | { readonly is: 'running'; readonly text: string }
  | { readonly is: 'waiting'; readonly text: string }
  | { readonly is: 'failed'; readonly text: string }

/**
 * Returns at once for kinds that do not run.
 * @throws CliError when it failed, or `timeoutMs` are over
 */
export async function waitUntilRunning(
  context: Context,
  client: ControlClient,
  resource: ApiResource,
  object: AppliedObject,
  timeoutMs: number,
): Promise<void> {
  const progressOf = PROGRESS[resource.kind]
  if (!progressOf) return
  const name = objectName(resource, object.metadata.name)
  const names = await peerNames(client)
  const readable = (text: string): string => withNodeNames(printable(text), names)
  let last = ''
  const tell = (text: string): void => {
    if (text !== last) note(context, `${name}: ${text}`)
    last = text
  }
  await waitForObject(context, client, {
    collection: pathOf(resource, object.metadata.namespace),
    name: object.metadata.name,
    timeoutMs,
    waitingFor: () => `${name}: ${last}`,
    ready: (found) => {
      if (!found) throw new CliError(`${name} was deleted while it was waited for`)
      const { is, text } = progressOf(found)
      if (is === 'failed') {
        throw new CliError(
          `${name}: ${readable(text)}\nSee why with: tributary describe ${resource.singular} ${object.metadata.name}`,
        )
      }
      tell(readable(text))
      return is === 'running' ? true : undefined
    },
  })
  const { namespace = 'default', name: intent } = object.metadata
  if (resource.kind === 'Intent') await tellPurchases(context, client, { namespace, name: intent }, names)
}

const PROGRESS: Readonly<Record<string, (object: WatchedObject) => Progress>> = {
  Intent: (object) => {
    const { metadata, status } = object as unknown as Intent
    const { phase = 'Pending', message, url, nodes, observedGeneration } = status ?? {}
    if (observedGeneration !== undefined && observedGeneration < metadata.generation) {
      return { is: 'waiting', text: 'Pending: the change has not been seen yet' }
    }
    if (phase === 'Running') {
      return { is: 'running', text: `Running${nodes ? ` on ${nodes}` : ''}${url ? ` at ${url}` : ''}` }
    }
    return {
      is: phase === 'Failed' ? 'failed' : 'waiting',
      text: [phase, message].filter(Boolean).join(': '),
    }
  },
  Deployment: (object) => {
    const { metadata, spec, status } = object as unknown as Deployment
    const wanted = spec.replicas ?? 1
    const ready = status?.readyReplicas ?? 0
    const current = (status?.observedGeneration ?? metadata.generation) >= metadata.generation
    return {
      is: ready >= wanted && current ? 'running' : 'waiting',
      text: `${ready} of ${wanted} pods ready`,
    }
  },
}
