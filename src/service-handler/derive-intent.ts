/** Makes, changes and removes the intent of a Deployment as the Deployment asks for it. May be repeated. */
import { remove } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { NamespaceKind } from '../objects/core/namespace.ts'
import { IntentKind } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, type ObjectKey } from '../objects/meta.ts'
import { derivationOf, derivedIntent, updatedIntent } from './intent-of-deployment.ts'

/**
 * @param key of the Deployment, which is that of its intent
 * @throws StoreError `Conflict`, `AlreadyExists` when somebody wrote meanwhile: it is to be looked at again
 */
export async function deriveIntent({ store, informers }: NodeBase, key: ObjectKey): Promise<void> {
  const namespaceKey = { name: key.namespace ?? DEFAULT_NAMESPACE }
  // Deployments change often, and seldom in what they ask for.
  const seen = derivationOf(
    informers.of(DeploymentKind).get(key),
    informers.of(NamespaceKind).get(namespaceKey),
    informers.of(IntentKind).get(key),
  )
  if (seen === 'none') return
  const [deployment, namespace, intent] = await Promise.all([
    store.get(DeploymentKind, key),
    store.get(NamespaceKind, namespaceKey),
    store.get(IntentKind, key),
  ])
  switch (derivationOf(deployment, namespace, intent)) {
    case 'none':
      return
    case 'create':
      await store.create(IntentKind, derivedIntent(deployment!))
      return
    case 'update':
      await store.update(IntentKind, updatedIntent(intent!, deployment!))
      return
    case 'remove':
      await remove(store, IntentKind, key)
  }
}
