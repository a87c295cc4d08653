import { describe, expect, it } from 'vitest'
import type { PodSpec } from './pod-spec.ts'
import { type RunnersInForce, unsupportedByRunner } from './unsupported-by-runner.ts'

const CONTAINERS: RunnersInForce = { runner: 'container', images: true, commands: 'sandbox' }
const ONLY_CONTAINERS: RunnersInForce = { runner: 'container', images: true }
const SANDBOXES: RunnersInForce = { runner: 'sandbox', images: false, commands: 'sandbox' }
const PROCESSES: RunnersInForce = { runner: 'process', images: false, commands: 'process' }

const fields = (spec: PodSpec, runners: RunnersInForce): readonly string[] =>
  unsupportedByRunner(spec, runners, 'spec').map(({ field }) => field)

describe('what a runner does not do of a pod', () => {
  it('is running an image, without containers', () => {
    const spec: PodSpec = { containers: [{ name: 'main', image: 'nginx:1' }] }
    expect(fields(spec, CONTAINERS)).toEqual([])
    expect(fields(spec, SANDBOXES)).toEqual(['spec.containers[0].command'])
    expect(fields(spec, PROCESSES)).toEqual(['spec.containers[0].command'])
  })

  it('is running a program without an image, where there are only containers', () => {
    const spec: PodSpec = {
      containers: [
        { name: 'main', command: ['true'] },
        { name: 'side', image: 'side:1' },
      ],
    }
    expect(fields(spec, ONLY_CONTAINERS)).toEqual(['spec.containers[0].image'])
    // All of the pod goes into a sandbox then, and there images are not run.
    expect(fields(spec, CONTAINERS)).toEqual(['spec.containers[1].command'])
  })

  it('is a user, a group and a read-only root of ordinary processes', () => {
    const spec: PodSpec = {
      securityContext: { runAsUser: 0, runAsNonRoot: false },
      containers: [
        { name: 'main', command: ['true'], securityContext: { runAsGroup: 7, readOnlyRootFilesystem: true } },
      ],
    }
    expect(fields(spec, SANDBOXES)).toEqual([])
    expect(fields(spec, PROCESSES)).toEqual([
      'spec.securityContext.runAsUser',
      'spec.containers[0].securityContext.runAsGroup',
      'spec.containers[0].securityContext.readOnlyRootFilesystem',
    ])
  })

  it('is a part of a scratch volume; and volumes at all of ordinary processes', () => {
    const spec: PodSpec = {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'settings', configMap: { name: 'settings' } },
      ],
      containers: [
        {
          name: 'main',
          image: 'main:1',
          command: ['true'],
          volumeMounts: [
            { name: 'data', mountPath: '/data', subPath: 'part' },
            { name: 'settings', mountPath: '/settings', subPath: 'file' },
          ],
        },
      ],
    }
    for (const runners of [CONTAINERS, SANDBOXES])
      expect(fields(spec, runners)).toEqual(['spec.containers[0].volumeMounts[0].subPath'])
    expect(fields(spec, PROCESSES)).toEqual([
      'spec.containers[0].volumeMounts[0]',
      'spec.containers[0].volumeMounts[1]',
    ])
  })
})
