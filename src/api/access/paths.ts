/** What may be asked for that is no object: discovery, health, and what the composition root contributes. Pure. */
import { type Decision, decideOnRoute, type RouteAccess } from './authorize.ts'
import type { Caller } from './caller.ts'

/** One path with a method. */
export interface ServedPath {
  readonly method: string
  /** In fastify's syntax: `:name` stands for one segment, `*` at the end for the rest. */
  readonly path: string
  readonly access: RouteAccess
}

/** What is read by whoever is known, with `get`. */
export const READABLE_PATHS: readonly ServedPath[] = [
  '/api',
  '/api/:version',
  '/apis',
  '/apis/:group',
  '/apis/:group/:version',
  '/healthz',
  '/livez',
  '/readyz',
  '/version',
  '/openapi/v3',
  '/openapi/v3/*',
].map((path) => ({ method: 'GET', path, access: 'viewer' }))

const NOTHING: Decision = { allowed: false, reason: 'there is no such path here' }

/**
 * @param path as Kubernetes asks: `*` at the end stands for whatever follows, `*` alone for everything
 * @param verb a method in lower case, or `*`
 * @returns whether the caller may do all that is meant
 */
export function decideOnPath(
  caller: Caller,
  served: readonly ServedPath[],
  { path, verb }: { readonly path: string; readonly verb: string },
): Decision {
  // What answers GET answers HEAD.
  const method = verb.toUpperCase() === 'HEAD' ? 'GET' : verb.toUpperCase()
  const meant = served.filter(
    (each) => (method === '*' || each.method === method) && isMeant(each.path, path),
  )
  const decisions = meant.map(({ access }) => decideOnRoute(caller, access))
  return decisions.find(({ allowed }) => !allowed) ?? decisions[0] ?? NOTHING
}

/** @returns rules that say the same, as Kubernetes lists them */
export function pathRules(
  caller: Caller,
  served: readonly ServedPath[],
): readonly { readonly verbs: readonly string[]; readonly nonResourceURLs: readonly string[] }[] {
  const allowed = served.filter(({ access }) => decideOnRoute(caller, access).allowed)
  return Array.from(
    Map.groupBy(allowed, ({ method }) => method),
    ([method, paths]) => ({
      verbs: [method.toLowerCase()],
      nonResourceURLs: [...new Set(paths.map(({ path }) => path.replaceAll(/:[^/]+/g, '*')))],
    }),
  )
}

function isMeant(served: string, asked: string): boolean {
  if (asked.endsWith('*')) return served.startsWith(asked.slice(0, -1))
  const pattern = served.split('/')
  const segments = asked.split('/')
  return (
    pattern.every((part, index) => {
      const segment = segments[index]
      if (part === '*') return segments.length > index
      return part.startsWith(':') ? segment !== undefined && segment !== '' : segment === part
    }) &&
    (pattern.at(-1) === '*' || pattern.length === segments.length)
  )
}
