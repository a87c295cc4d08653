import { describe, expect, it } from 'vitest'
import type { Pod } from '../../objects/core/pod.ts'
import type { Container } from '../../objects/core/pod-spec.ts'
import { ContainerConfigError, containerCommand, containerEnvironment, expand } from './environment.ts'
import { ORIGIN_ANNOTATION } from './names.ts'

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
  containerEnvironment(of, { name: 'main', ...container }, { PATH: '/bin' }, SURROUNDINGS)
const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

describe('expand', () => {
  it('fills in known names, leaves others, and lets two dollars stand for one', () => {
    const known = { A: '1', B: '2' }
    expect(expand('$(A)-$(B)-$(C)-$$(A)-$A-$$-$(', known)).toBe('1-2-$(C)-$(A)-$A-$-$(')
  })
})

describe('containerEnvironment', () => {
  it('refers to variables that stand before, and to no later ones', () => {
    const variables = [
      { name: 'A', value: '$(B)' },
      { name: 'B', value: 'b' },
      { name: 'C', value: '$(B)$(PATH)' },
    ]
    expect(env({ env: variables })).toEqual({ PATH: '/bin', A: '$(B)', B: 'b', C: 'b/bin' })
  })

  it('shows a pod of another node what it is called there', () => {
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
    expect(env({ env: variables }, pod({ [ORIGIN_ANNOTATION]: JSON.stringify(origin) }))).toEqual({
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

  it('refuses what it cannot give', () => {
    expect(() => env({ envFrom: [] })).toThrow(ContainerConfigError)
    expect(() => env({ env: [{ name: 'A', valueFrom: { secretKeyRef: {} } }] })).toThrow('secretKeyRef')
    expect(() => env({ env: [field('A', 'status.qosClass')] })).toThrow('status.qosClass')
    expect(() => env({ env: [{ name: 'A=B', value: 'x' }] })).toThrow('name of a variable')
    expect(() => env({ env: [{ name: 'A', value: 'x\0y' }] })).toThrow('zero byte')
  })
})

describe('containerCommand', () => {
  it('puts arguments behind the command and fills in variables', () => {
    const command = containerCommand({ name: 'm', command: ['run', '$(A)'], args: ['$(A)', 'x'] }, { A: '1' })
    expect(command).toEqual({ command: ['run', '1'], args: ['1', 'x'] })
  })
})
