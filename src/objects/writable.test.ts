import { expect, it } from 'vitest'
import { serve } from '../../test/support/control-api.ts'
import { ALL_KINDS } from './index.ts'
import { apiVersionOf } from './kind.ts'

const derived = ALL_KINDS.filter(({ writable }) => writable?.by === 'node')
const users = ALL_KINDS.filter(
  ({ writable, statusSubresource }) => writable?.by === 'user' && statusSubresource,
)

it.each(derived.map((kind) => [kind.kind, kind] as const))(
  'nobody writes a %s, who opens the socket included',
  async (_name, kind) => {
    const { call } = await serve({ kinds: ALL_KINDS })
    const group = kind.group === '' ? 'api' : 'apis'
    const path = `/${group}/${apiVersionOf(kind)}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
    const isDeletable = kind.writable?.by === 'node' && kind.writable.deletable === true
    for (const [method, at] of [
      ['POST', path],
      ['PUT', `${path}/a`],
      ['PATCH', `${path}/a`],
      ...(isDeletable
        ? []
        : ([
            ['DELETE', `${path}/a`],
            ['DELETE', path],
          ] as const)),
      ...(kind.statusSubresource
        ? ([
            ['PUT', `${path}/a/status`],
            ['PATCH', `${path}/a/status`],
          ] as const)
        : []),
    ] as const) {
      const { status, json } = await call(method, at, { metadata: { name: 'a' } })
      expect([method, status, json.reason]).toEqual([method, 403, 'Forbidden'])
      expect(json.message).toContain('is not written through the API by anybody')
    }
  },
)

it.each(users.map((kind) => [kind.kind, kind] as const))(
  'nobody writes the status of a %s',
  async (_name, kind) => {
    const { call } = await serve({ kinds: ALL_KINDS })
    const path = `/apis/${apiVersionOf(kind)}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}/a/status`
    for (const method of ['PUT', 'PATCH'])
      expect(await call(method, path, { metadata: { name: 'a' } })).toMatchObject({ status: 403 })
  },
)
