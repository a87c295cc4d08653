import { describe, expect, it } from 'vitest'
import { Compile } from 'typebox/compile'
import type { KubeObject } from '../meta.ts'
import { DeploymentKind } from './deployment.ts'
import { CORE_KINDS } from './index.ts'
import { NodeKind } from './node.ts'
import { PodKind, podStatusWord, type Pod } from './pod.ts'

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' }, creationTimestamp: null },
      spec: {
        affinity: { podAntiAffinity: {} },
        securityContext: { runAsNonRoot: true },
        tolerations: [{ operator: 'Exists' }],
        volumes: [{ name: 'x', emptyDir: {} }],
        containers: [
          {
            name: 'main',
            image: 'nginx',
            ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
            env: [{ name: 'IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } }],
            resources: { requests: { cpu: 1, memory: '64Mi' }, limits: { cpu: '1.5', memory: '128974848' } },
            livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
            volumeMounts: [{ name: 'x', mountPath: '/x' }],
          },
        ],
      },
    },
  },
}

/** A copy with `value` put at the dotted path. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(deployment) as unknown as Record<string, unknown>
  const names = path.split('.')
  let at = copy
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>
  at[names.at(-1)!] = value
  return copy
}

describe('the schema of Deployment', () => {
  const schema = Compile(DeploymentKind.schema)
  const container = 'spec.template.spec.containers.0'

  it('accepts a manifest that uses what Kubernetes knows', () => {
    expect(schema.Check(deployment)).toBe(true)
  })

  it.each([
    ['spec.replica', 2],
    ['spec.template.spec.container', []],
    [`${container}.comand`, ['x']],
    [`${container}.resources.limit`, {}],
    [`${container}.livenessProbe.httpget`, {}],
    [`${container}.ports.0.containerport`, 80],
    ['spec.template.metadata.lables', {}],
  ])('finds the typing error in %s', (path, value) => {
    expect(schema.Check(changed(path, value))).toBe(false)
  })

  it.each([
    ['spec.replicas', -1],
    [`${container}.name`, 'Not A Name'],
    [`${container}.ports.0.containerPort`, 70_000],
    [`${container}.resources.limits.cpu`, '-1'],
    [`${container}.resources.limits.cpu`, 'lots'],
    ['spec.template.spec.containers', []],
    ['spec.template.spec.restartPolicy', 'Sometimes'],
  ])('refuses %s: %j', (path, value) => {
    expect(schema.Check(changed(path, value))).toBe(false)
  })
})

describe('columns', () => {
  const metadata = {
    name: 'x',
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2030-01-01T00:00:00Z',
  }
  const cells = (kind: (typeof CORE_KINDS)[number], object: object): Record<string, string | undefined> =>
    Object.fromEntries(
      kind.columns.map(({ name, render }) => [name, render?.({ ...object, metadata } as KubeObject, 0)]),
    )

  it('can be rendered for objects that have nothing but what is required', () => {
    const spec = { containers: [{ name: 'a' }], template: { spec: { containers: [{ name: 'a' }] } } }
    for (const kind of CORE_KINDS) {
      for (const { render } of kind.columns) {
        const object = { kind: kind.kind, spec, involvedObject: {}, metadata } as unknown as KubeObject
        expect(() => render?.(object, 0)).not.toThrow()
      }
    }
  })

  it('show pods as kubectl does', () => {
    const status = {
      phase: 'Running',
      containerStatuses: [
        { name: 'a', ready: true, restartCount: 2, image: '', imageID: '', state: { running: {} } },
        {
          name: 'b',
          ready: false,
          restartCount: 3,
          image: '',
          imageID: '',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
        },
      ],
    }
    const pod = { spec: { containers: [{ name: 'a' }, { name: 'b' }] }, status }
    expect(cells(PodKind, pod)).toMatchObject({ Ready: '1/2', Status: 'CrashLoopBackOff', Restarts: '5' })
    const deleting = { ...pod, metadata: { ...metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } }
    expect(podStatusWord(deleting as unknown as Pod)).toBe('Terminating')
  })

  it('show nodes and deployments as kubectl does', () => {
    const node = {
      spec: { unschedulable: true },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    }
    expect(cells(NodeKind, node)).toMatchObject({ Status: 'Ready,SchedulingDisabled', Roles: '<none>' })
    const half = { ...deployment, status: { readyReplicas: 1, updatedReplicas: 2 } }
    expect(cells(DeploymentKind, half)).toMatchObject({ Ready: '1/2', 'Up-to-date': '2', Available: '0' })
  })
})
