import { describe, expect, it } from 'vitest'
import type { Pod } from '../../objects/core/pod.ts'
import type { Container, EnvVar } from '../../objects/core/pod-spec.ts'
import { containerCommand, containerEnvironment, expand, MissingReferenceError } from './environment.ts'
import { ORIGIN_ANNOTATION } from './names.ts'
import type { ConfigSource } from './pod-config.ts'

const SURROUNDINGS = { podIP: '127.64.0.7', hostIP: '127.0.0.1', localNode: 'provider' }
const pod = (annotations: Record<string, string> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'shadow',
    namespace: 'tributary-1',
    uid: 'u-1',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2030-01-01T00:00:00Z',
    labels: { app: 'web' },
    annotations,
  },
  spec: { nodeName: 'provider', containers: [{ name: 'main' }] },
})
const env = (container: Partial<Container>, of = pod()) =>
  containerEnvironment(of, { name: 'main', ...container }, { PATH: '/bin' }, SURROUNDINGS, source)
const source: ConfigSource = async (kind, name) =>
  name === 'there'
    ? new Map([
        ['KEY', Buffer.from(`of the ${kind}`)],
        ['not a name', Buffer.from('x')],
      ])
    : undefined
const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

describe('expand', () => {
  it('fills in known names, leaves others, and lets two dollars stand for one', () => {
    const known = { A: '1', B: '2' }
    expect(expand('$(A)-$(B)-$(C)-$$(A)-$A-$$-$(', known)).toBe('1-2-$(C)-$(A)-$A-$-$(')
  })
})

describe('containerEnvironment', () => {
  it('refers to variables that stand before, and to no later ones', async () => {
    const variables = [
      { name: 'A', value: '$(B)' },
      { name: 'B', value: 'b' },
      { name: 'C', value: '$(B)$(PATH)' },
    ]
    expect(await env({ env: variables })).toEqual({ PATH: '/bin', A: '$(B)', B: 'b', C: 'b/bin' })
  })

  it('shows a pod of another node what it is called there', async () => {
    const origin = { namespace: 'default', name: 'web-1', uid: 'u-9', nodeName: 'virtual-1' }
    const variables = [
      field('NAME', 'metadata.name'),
      field('SPACE', 'metadata.namespace'),
      field('UID', 'metadata.uid'),
      field('NODE', 'spec.nodeName'),
      field('APP', "metadata.labels['app']"),
      field('NONE', "metadata.labels['none']"),
      field('IP', 'status.podIP'),
    ]
    expect(await env({ env: variables }, pod({ [ORIGIN_ANNOTATION]: JSON.stringify(origin) }))).toEqual({
      PATH: '/bin',
      NAME: 'web-1',
      SPACE: 'default',
      UID: 'u-9',
      NODE: 'virtual-1',
      APP: 'web',
      NONE: '',
      IP: '127.64.0.7',
    })
  })

  it('takes variables from ConfigMaps and Secrets, all of them or one by one; what stands later wins', async () => {
    const variables = [
      { name: 'ONE', valueFrom: { configMapKeyRef: { name: 'there', key: 'KEY' } } },
      { name: 'TWO', value: '$(S_KEY)!' },
      { name: 'NO', valueFrom: { secretKeyRef: { name: 'there', key: 'none', optional: true } } },
      { name: 'NOR', valueFrom: { secretKeyRef: { name: 'none', key: 'KEY', optional: true } } },
    ]
    const envFrom = [
      { configMapRef: { name: 'there' } },
      { prefix: 'S_', secretRef: { name: 'there' } },
      { secretRef: { name: 'none', optional: true } },
    ]
    expect(await env({ env: variables, envFrom })).toEqual({
      PATH: '/bin',
      KEY: 'of the ConfigMap',
      S_KEY: 'of the Secret',
      ONE: 'of the ConfigMap',
      TWO: 'of the Secret!',
    })
  })

  it('knows what the container may use', async () => {
    const resources = { limits: { cpu: '1500m', memory: '1Gi' } }
    const of: Pod = { ...pod(), spec: { containers: [{ name: 'main', resources }] } }
    const resource = (name: string, what: string, divisor?: string) => ({
      name,
      valueFrom: { resourceFieldRef: { resource: what, ...(divisor && { divisor }) } },
    })
    const variables = [
      resource('CPU', 'limits.cpu'),
      resource('MILLIS', 'limits.cpu', '1m'),
      resource('MEMORY', 'limits.memory', '1Mi'),
    ]
    expect(await env({ env: variables }, of)).toMatchObject({ CPU: '2', MILLIS: '1500', MEMORY: '1024' })
  })

  it('refuses what it cannot give, and says what may yet come', async () => {
    const missing = (valueFrom: NonNullable<EnvVar['valueFrom']>): Promise<unknown> =>
      env({ env: [{ name: 'A', valueFrom }] })
    await expect(missing({ secretKeyRef: { name: 's', key: 'k' } })).rejects.toThrow('secret "s" not found')
    await expect(missing({ configMapKeyRef: { name: 'there', key: 'k' } })).rejects.toThrow(
      "couldn't find key k in ConfigMap there",
    )
    const all = env({ envFrom: [{ configMapRef: { name: 'c' } }] })
    await expect(all).rejects.toBeInstanceOf(MissingReferenceError)
    await expect(env({ env: [field('A', 'status.qosClass')] })).rejects.toThrow('status.qosClass')
    await expect(env({ env: [{ name: 'A=B', value: 'x' }] })).rejects.toThrow('name of a variable')
    await expect(env({ env: [{ name: 'A', value: 'x\0y' }] })).rejects.toThrow('zero byte')
  })
})

describe('containerCommand', () => {
  it('puts arguments behind the command and fills in variables', () => {
    const command = containerCommand({ name: 'm', command: ['run', '$(A)'], args: ['$(A)', 'x'] }, { A: '1' })
    expect(command).toEqual({ command: ['run', '1'], args: ['1', 'x'] })
  })
})
