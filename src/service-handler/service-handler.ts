/** The component: judges every intent (step 1), and makes intents of the Deployments that ask for it. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { NamespaceKind } from '../objects/core/namespace.ts'
import { IntentKind } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import { acceptIntent } from './accept-intent.ts'
import { deriveIntent } from './derive-intent.ts'

/** Index of Deployments: by their namespace. */
const BY_NAMESPACE = 'namespace'

export class ServiceHandler implements Component {
  readonly #intents: Controller
  readonly #deployments: Controller

  constructor(base: NodeBase) {
    const { informers, system, log } = base
    const deployments = informers.of(DeploymentKind)
    deployments.addIndex(BY_NAMESPACE, ({ metadata }) => [metadata.namespace ?? DEFAULT_NAMESPACE])
    this.#intents = new Controller({
      name: 'service-handler',
      system,
      log,
      // An intent has the name of the Deployment that it follows from.
      watches: [{ informer: informers.of(IntentKind) }, { informer: deployments }],
      reconcile: (key) => acceptIntent(base, key),
    })
    this.#deployments = new Controller({
      name: 'service-handler-deployments',
      system,
      log,
      watches: [
        { informer: deployments },
        // Where an intent is gone and its Deployment still asks, there is to be one.
        {
          informer: informers.of(IntentKind),
          keys: ({ type, object }) => (type === 'deleted' ? keyOf(object) : undefined),
        },
        {
          informer: informers.of(NamespaceKind),
          keys: ({ object }) => deployments.byIndex(BY_NAMESPACE, object.metadata.name).map(keyOf),
        },
      ],
      reconcile: (key) => deriveIntent(base, key),
    })
  }

  async start(): Promise<void> {
    await Promise.all([this.#intents.start(), this.#deployments.start()])
  }

  async stop(): Promise<void> {
    await Promise.all([this.#intents.stop(), this.#deployments.stop()])
  }
}
