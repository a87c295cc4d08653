/**
 * What callers may ask of themselves, as Kubernetes has it: who am I, may I, what may I. For `kubectl auth whoami`,
 * `can-i` and `can-i --list`, and for dashboards that hide what cannot be done.
 */
import { type JsonObject, member } from '../../kernel/json.ts'
import { decodeBody } from '../body.ts'
import { type ApiRequest, type ApiResponse, jsonResponse } from '../context.ts'
import type { Resources } from '../resources.ts'
import { ApiError } from '../status.ts'
import { decideOnAttributes, decideOnResource, READING_VERBS, WRITING_VERBS } from './authorize.ts'
import type { Caller } from './caller.ts'

export const AUTHENTICATION = 'authentication.k8s.io/v1'
export const AUTHORIZATION = 'authorization.k8s.io/v1'

/** Where each is asked, below `/apis/`. */
export const REVIEWS: Readonly<
  Record<string, (request: ApiRequest, caller: Caller, resources: Resources) => JsonObject>
> = {
  [`${AUTHENTICATION}/selfsubjectreviews`]: (_request, caller) => ({
    apiVersion: AUTHENTICATION,
    kind: 'SelfSubjectReview',
    metadata: {},
    status: { userInfo: { username: caller.name, groups: caller.groups } },
  }),
  [`${AUTHORIZATION}/selfsubjectaccessreviews`]: accessReview,
  [`${AUTHORIZATION}/selfsubjectrulesreviews`]: rulesReview,
}

/** @throws ApiError */
export function handleReview(
  name: string,
  request: ApiRequest,
  caller: Caller,
  resources: Resources,
): ApiResponse {
  const review = REVIEWS[name]
  if (review === undefined || request.method !== 'POST')
    throw new ApiError('MethodNotAllowed', 'a review is created, and not kept')
  return jsonResponse(review(request, caller, resources), 201)
}

function accessReview(request: ApiRequest, caller: Caller, resources: Resources): JsonObject {
  const body = decodeBody(request.contentType, request.body)
  const spec = member(body, 'spec')
  const attributes = member(spec, 'resourceAttributes')
  const path = member(spec, 'nonResourceAttributes')
  const text = (of: unknown, name: string): string => {
    const value = member(of, name)
    return typeof value === 'string' ? value : ''
  }
  if ((attributes === undefined) === (path === undefined)) {
    throw new ApiError(
      'Invalid',
      'spec: exactly one of resourceAttributes and nonResourceAttributes is wanted',
    )
  }
  const { allowed, reason } =
    attributes === undefined
      ? decideOnPath(caller, text(path, 'verb'))
      : decideOnAttributes(caller, resources, {
          verb: text(attributes, 'verb'),
          group: text(attributes, 'group'),
          resource: text(attributes, 'resource'),
          subresource: text(attributes, 'subresource'),
        })
  return {
    apiVersion: AUTHORIZATION,
    kind: 'SelfSubjectAccessReview',
    metadata: {},
    spec,
    status: { allowed, reason },
  }
}

/** Everything that is no object can be read by whoever is known; what does something is the admin's. */
function decideOnPath(
  { role }: Caller,
  verb: string,
): { readonly allowed: boolean; readonly reason: string } {
  const isReading = ['get', 'head', 'options'].includes(verb.toLowerCase())
  return role === 'admin' || isReading
    ? { allowed: true, reason: role === 'admin' ? 'an admin may' : 'whoever is known may' }
    : { allowed: false, reason: 'a viewer only looks' }
}

function rulesReview(_request: ApiRequest, caller: Caller, resources: Resources): JsonObject {
  const resourceRules = resources.all.flatMap((resource) =>
    [undefined, ...resource.subresources].flatMap((subresource) => {
      const verbs = verbsOf(subresource).filter(
        (verb) =>
          (subresource !== undefined || resource.verbs.some((each) => each === verb)) &&
          decideOnResource(caller, resource, { verb, ...(subresource === undefined ? {} : { subresource }) })
            .allowed,
      )
      const { group, plural } = resource.kind
      const name = subresource === undefined ? plural : `${plural}/${subresource}`
      return verbs.length === 0 ? [] : [{ verbs, apiGroups: [group], resources: [name] }]
    }),
  )
  return {
    apiVersion: AUTHORIZATION,
    kind: 'SelfSubjectRulesReview',
    metadata: {},
    spec: {},
    status: {
      resourceRules,
      nonResourceRules: [{ verbs: caller.role === 'admin' ? ['*'] : ['get'], nonResourceURLs: ['*'] }],
      incomplete: false,
    },
  }
}

function verbsOf(subresource: string | undefined): readonly string[] {
  if (subresource === undefined) return [...READING_VERBS, ...WRITING_VERBS]
  return subresource === 'log' ? ['get'] : ['get', 'update', 'patch']
}
