import { describe, expect, it } from 'vitest'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const pod = (containers: readonly object[], more: object = {}): object => ({ spec: { containers, ...more } })
const a = {
  name: 'a',
  image: 'one',
  env: [
    { name: 'X', value: '1' },
    { name: 'Y', value: '2' },
  ],
}
const b = { name: 'b', image: 'two' }

describe('strategic merge patch', () => {
  it('merges items of a list by their merge key, at every depth', () => {
    const patch = pod([
      {
        name: 'a',
        env: [
          { name: 'Y', value: '3' },
          { name: 'Z', value: '4' },
        ],
      },
    ])
    expect(applyStrategicMergePatch(pod([a, b]), patch)).toEqual(
      pod([
        {
          ...a,
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: '3' },
            { name: 'Z', value: '4' },
          ],
        },
        b,
      ]),
    )
  })

  it('appends items that are new', () => {
    expect(applyStrategicMergePatch(pod([a]), pod([b]))).toEqual(pod([a, b]))
  })

  it('removes items with $patch: delete, members with null', () => {
    expect(applyStrategicMergePatch(pod([a, b]), pod([{ name: 'a', $patch: 'delete' }]))).toEqual(pod([b]))
    expect(applyStrategicMergePatch(pod([b]), pod([{ name: 'b', image: null }]))).toEqual(
      pod([{ name: 'b' }]),
    )
  })

  it('replaces a whole list or object with $patch: replace', () => {
    expect(applyStrategicMergePatch(pod([a, b]), pod([{ $patch: 'replace' }, { name: 'c' }]))).toEqual(
      pod([{ name: 'c' }]),
    )
    expect(applyStrategicMergePatch(pod([a]), { spec: { $patch: 'replace', nodeName: 'n' } })).toEqual({
      spec: { nodeName: 'n' },
    })
  })

  it('orders items as $setElementOrder says, and keeps others behind the one they stood behind', () => {
    const extra = { name: 'sidecar' }
    const patch = { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } }
    expect(applyStrategicMergePatch(pod([a, extra, b]), patch)).toEqual(pod([b, a, extra]))
  })

  it('drops members that $retainKeys does not name', () => {
    const before = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }
    expect(applyStrategicMergePatch(before, patch)).toEqual({ spec: { strategy: { type: 'Recreate' } } })
  })

  it('treats finalizers as a set', () => {
    const before = { metadata: { finalizers: ['x', 'y'] } }
    expect(applyStrategicMergePatch(before, { metadata: { finalizers: ['z', 'x'] } })).toEqual({
      metadata: { finalizers: ['x', 'y', 'z'] },
    })
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } }
    expect(applyStrategicMergePatch(before, patch)).toEqual({ metadata: { finalizers: ['y'] } })
  })

  it('tells the ports of a container from those of a service', () => {
    const container = { name: 'a', ports: [{ containerPort: 80, name: 'web' }] }
    expect(
      applyStrategicMergePatch(
        pod([container]),
        pod([{ name: 'a', ports: [{ containerPort: 80, name: 'http' }] }]),
      ),
    ).toEqual(pod([{ name: 'a', ports: [{ containerPort: 80, name: 'http' }] }]))
    const service = {
      spec: {
        ports: [
          { port: 80, targetPort: 1 },
          { port: 81, targetPort: 2 },
        ],
      },
    }
    expect(applyStrategicMergePatch(service, { spec: { ports: [{ port: 81, targetPort: 3 }] } })).toEqual({
      spec: {
        ports: [
          { port: 80, targetPort: 1 },
          { port: 81, targetPort: 3 },
        ],
      },
    })
  })

  it('replaces lists without a merge key', () => {
    expect(applyStrategicMergePatch({ args: ['a', 'b'] }, { args: ['c'] })).toEqual({ args: ['c'] })
  })

  it('refuses an unknown directive and items without their merge key', () => {
    expect(() => applyStrategicMergePatch({}, { spec: { $patch: 'frob' } })).toThrow('$patch')
    expect(() => applyStrategicMergePatch(pod([a]), pod([{ image: 'x' }]))).toThrow('merge key')
  })
})
