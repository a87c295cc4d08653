/**
 * What callers may ask of themselves, as Kubernetes has it: who am I, may I, what may I. For `kubectl auth whoami`,
 * `can-i` and `can-i --list`, and for dashboards that hide what cannot be done.
 */
import { type JsonObject, member } from '../../kernel/json.ts'
import { decodeBody } from '../body.ts'
import { type ApiRequest, type ApiResponse, jsonResponse } from '../context.ts'
import { type Resources, subresourceVerbs } from '../resources.ts'
import { ApiError } from '../status.ts'
import { decideOnAttributes, decideOnResource, type Decision, type ResourceAttributes } from './authorize.ts'
import type { Caller } from './caller.ts'
import { mediaTypes } from '../negotiation.ts'
import { reviewFromProtobuf } from './review-protobuf.ts'
import { decideOnPath, pathRules, type ServedPath } from './paths.ts'

export const AUTHENTICATION = 'authentication.k8s.io/v1'
export const AUTHORIZATION = 'authorization.k8s.io/v1'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** All that can be asked for. */
export interface Served {
  readonly resources: Resources
  readonly paths: readonly ServedPath[]
}

/** Where each is asked, below `/apis/`. */
export const REVIEWS: Readonly<
  Record<string, (request: ApiRequest, caller: Caller, served: Served) => JsonObject>
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
export function handleReview(name: string, request: ApiRequest, caller: Caller, served: Served): ApiResponse {
  const review = REVIEWS[name]
  if (review === undefined || request.method !== 'POST')
    throw new ApiError('MethodNotAllowed', 'a review is created, and not kept')
  return jsonResponse(review(request, caller, served), 201)
}

function accessReview(request: ApiRequest, caller: Caller, served: Served): JsonObject {
  const isProtobuf = mediaTypes(request.contentType)[0]?.type === PROTOBUF
  const body = isProtobuf ? reviewFromProtobuf(request.body) : decodeBody(request.contentType, request.body)
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
      ? decideOnPath(caller, served.paths, { path: text(path, 'path'), verb: text(path, 'verb') })
      : decide(caller, served, {
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

/** Reviews are resources too, that everybody may create. */
function decide(caller: Caller, { resources }: Served, asked: ResourceAttributes): Decision {
  const isReview = REVIEW_RESOURCES.some(
    ({ group, plural }) => group === asked.group && plural === asked.resource,
  )
  if (!isReview) return decideOnAttributes(caller, resources, asked)
  return asked.verb === 'create' && !asked.subresource
    ? { allowed: true, reason: 'whoever is known may ask' }
    : { allowed: false, reason: 'a review is created, and not kept' }
}

const REVIEW_RESOURCES = Object.keys(REVIEWS).map((name) => {
  const [group = '', , plural = ''] = name.split('/')
  return { group, plural }
})

function rulesReview(_request: ApiRequest, caller: Caller, { resources, paths }: Served): JsonObject {
  const ofReviews = REVIEW_RESOURCES.map(({ group, plural }) => ({
    verbs: ['create'],
    apiGroups: [group],
    resources: [plural],
  }))
  const ofKinds = resources.all.flatMap((resource) =>
    [undefined, ...resource.subresources].flatMap((subresource) => {
      const served = subresource === undefined ? resource.verbs : subresourceVerbs(resource, subresource)
      const verbs = served.filter(
        (verb) =>
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
      resourceRules: [...ofReviews, ...ofKinds],
      nonResourceRules: pathRules(caller, paths),
      incomplete: false,
    },
  }
}
