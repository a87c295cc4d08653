/** What `kubectl auth can-i` is answered, compared with what then happens. */
import { describe, expect, it } from 'vitest'
import { ALL_KINDS } from '../../objects/index.ts'
import { apiVersionOf, type KindDefinition } from '../../objects/kind.ts'
import { serveSecurely, type SecureApi } from '../../../test/support/secure-api.ts'

const CAN_I = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
const RULES = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'

const METHODS = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
} as const
type Verb = keyof typeof METHODS

const EVENTS_V1 = { group: 'events.k8s.io', version: 'v1', plural: 'events', namespaced: true } as const
const SERVED: readonly Pick<KindDefinition, 'group' | 'version' | 'plural' | 'namespaced'>[] = [
  ...ALL_KINDS,
  EVENTS_V1,
]

function pathOf(kind: (typeof SERVED)[number], verb: Verb, subresource?: string): string {
  const root = kind.group === '' ? 'api' : 'apis'
  const all = `/${root}/${apiVersionOf(kind)}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
  if (subresource !== undefined) return `${all}/nothing/${subresource}`
  if (verb === 'watch') return `${all}?watch=true&timeoutSeconds=0.01`
  return ['list', 'create', 'deletecollection'].includes(verb) ? all : `${all}/nothing`
}

/** Refused for who asks, or not there at all: anything else than that an object is missing or wrong. */
function wasDone({ status, json }: { readonly status: number; readonly json: any }): boolean {
  if (status === 403 || status === 405) return false
  return status !== 404 || json?.details?.name !== undefined
}

async function ask({ call }: SecureApi, attributes: object, token?: string): Promise<boolean> {
  const { json } = await call('POST', CAN_I, { spec: attributes }, {}, token)
  return json.status.allowed
}

describe.each(['admin', 'viewer'] as const)('a %s', (role) => {
  it('is told of every verb of every kind what is then so', { timeout: 60_000 }, async () => {
    const api = await serveSecurely({ kinds: ALL_KINDS, podLogs: async function* () {} })
    const { token } = await api.tokenFor(role)
    const { resourceRules } = (await api.call('POST', RULES, { spec: { namespace: 'default' } }, {}, token))
      .json.status
    const isListed = (group: string, resource: string, verb: string): boolean =>
      resourceRules.some(
        (rule: any) =>
          rule.apiGroups.includes(group) && rule.resources.includes(resource) && rule.verbs.includes(verb),
      )
    const untrue: unknown[] = []
    for (const kind of SERVED) {
      for (const [verb, method] of Object.entries(METHODS) as [Verb, string][]) {
        for (const subresource of [undefined, 'status', 'scale', 'log', 'exec']) {
          // A subresource is of one object, and only read and changed.
          if (subresource !== undefined && !['get', 'update', 'patch'].includes(verb)) continue
          const attributes = {
            verb,
            group: kind.group,
            resource: kind.plural,
            subresource: subresource ?? '',
          }
          const told = await ask(api, { resourceAttributes: attributes }, token)
          const name = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`
          const listed = isListed(kind.group, name, verb)
          const path = pathOf(kind, verb, subresource)
          const body = method === 'GET' || method === 'DELETE' ? undefined : '[]'
          const type = {
            'content-type': method === 'PATCH' ? 'application/json-patch+json' : 'application/json',
          }
          const done = await api.call(method, path, body, type, token)
          if (told !== wasDone(done) || listed !== told)
            untrue.push({ ...attributes, told, listed, status: done.status, message: done.json?.message })
        }
      }
    }
    expect(untrue).toEqual([])
  })

  it('is told of paths what is then so', async () => {
    const api = await serveSecurely()
    const { token } = await api.tokenFor(role)
    for (const path of [
      '/version',
      '/healthz',
      '/api',
      '/api/v1',
      '/apis/apps',
      '/apis/apps/v1',
      '/openapi/v3',
      '/tributary/v1/tokens',
      '/tributary/v1/tokens/none',
      '/nowhere',
    ]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const told = await ask(api, { nonResourceAttributes: { path, verb: method.toLowerCase() } }, token)
        const { status, json } = await api.call(method, path, method === 'POST' ? {} : undefined, {}, token)
        const there = status !== 404 || /token "none"/.test(json?.message ?? '')
        expect({ path, method, told }).toEqual({
          path,
          method,
          told: there && status !== 403 && status !== 405,
        })
      }
    }
  })
})
