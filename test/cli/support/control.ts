/**
 * A real control API over a memory store, with every kind there is, and the command line against it.
 */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ControlApi, type ControlApiOptions } from '../../../src/api/index.ts'
import { silentLog } from '../../../src/kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../../../src/kernel/object-store.ts'
import { realSystem } from '../../../src/kernel/system.ts'
import { admit } from '../../../src/node/admission.ts'
import { ALL_KINDS } from '../../../src/objects/index.ts'
import type { KindDefinition } from '../../../src/objects/kind.ts'
import type { KubeObject, ObjectKey } from '../../../src/objects/meta.ts'
import { createMemoryStore } from '../../../src/store/memory/index.ts'
import { begin, type Ran, type RunOptions, temporaryFolder } from './run.ts'

export interface TestControl {
  readonly store: ObjectStore
  readonly url: string
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  begin(args: readonly string[], options?: RunOptions): ReturnType<typeof begin>
}

export async function startControl(options: Partial<ControlApiOptions> = {}): Promise<TestControl> {
  const { store } = createMemoryStore({ system: realSystem })
  const api = new ControlApi({
    store,
    kinds: ALL_KINDS,
    system: realSystem,
    log: silentLog,
    version: '0.0.0',
    socket: join(temporaryFolder(), 'control.sock'),
    admit,
    ...options,
  })
  await api.start()
  onTestFinished(() => api.stop())
  const url = `unix:${api.address.socket}`
  const at = (more: RunOptions = {}): RunOptions => ({ ...more, env: { TRIBUTARY_SERVER: url, ...more.env } })
  return {
    store,
    url,
    run: (args, more) => begin(args, at(more)).done,
    begin: (args, more) => begin(args, at(more)),
  }
}

/** A well-formed intent, as YAML. */
export function intentYaml(name: string, more = ''): string {
  return `apiVersion: tributary.io/v1alpha1
kind: Intent
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  workload:
    - apiVersion: apps/v1
      kind: Deployment
      metadata: { name: ${name} }
      spec:
        selector: { matchLabels: { app: ${name} } }
        template:
          metadata: { labels: { app: ${name} } }
          spec:
            containers:
              - name: web
                resources:
                  requests: { cpu: 500m, memory: 64Mi }
${more}`
}

/** Says what a component would say of an object. */
export async function setStatus<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  key: ObjectKey,
  status: object,
): Promise<void> {
  await mutateStatus(store, kind, key, () => status as T['status'])
}
