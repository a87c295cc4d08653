/**
 * Kubernetes' `Status` object: how every error of the API reaches a client.
 *
 * Throw an `ApiError` anywhere below a request handler; `asApiError` makes one of whatever else was thrown.
 */
import type { KindDefinition } from '../objects/kind.ts'
import { resourceOf } from '../objects/kind.ts'
import { isStoreError } from '../kernel/object-store.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { asInvalidObject } from './invalid-object.ts'

/** Reason → HTTP status. The reasons are Kubernetes' own; client libraries branch on them. */
const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
} as const

export type StatusReason = keyof typeof CODES

/** What the error is about. */
export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly { readonly reason?: string; readonly message: string; readonly field?: string }[]
  readonly retryAfterSeconds?: number
}

/** An error whose message the client may see. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly reason: StatusReason
  readonly code: number
  readonly details: StatusDetails | undefined

  constructor(reason: StatusReason, message: string, details?: StatusDetails, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
    this.code = CODES[reason]
    this.details = details
  }
}

/** @returns the `Status` object that tells a client of `error` */
export function statusOf(error: ApiError): Record<string, unknown> {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    ...(error.details ? { details: error.details } : {}),
    code: error.code,
  }
}

/** What a request was about; makes messages read like those of Kubernetes. */
export interface Target {
  readonly kind: KindDefinition
  readonly name?: string
}

/** `details` of a `Status` about `target`; the `kind` there is the resource name, as Kubernetes has it. */
export function detailsOf(target: Target): StatusDetails {
  return {
    ...(target.name === undefined ? {} : { name: target.name }),
    ...(target.kind.group === '' ? {} : { group: target.kind.group }),
    kind: target.kind.plural,
  }
}

/** @returns a `NotFound` error for `target` */
export function notFound(target: Target): ApiError {
  const message = `${resourceOf(target.kind)} "${target.name ?? ''}" not found`
  return new ApiError('NotFound', message, detailsOf(target))
}

/** @returns a `Conflict` error for `target`; `why` completes "Operation cannot be fulfilled on …" */
export function conflict(target: Target, why: string, options?: ErrorOptions): ApiError {
  const message = `Operation cannot be fulfilled on ${resourceOf(target.kind)} "${target.name ?? ''}": ${why}`
  return new ApiError('Conflict', message, detailsOf(target), options)
}

export const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again'

/** @returns an `Invalid` error that names each wrong field of `target` */
export function invalid(target: Target, found: readonly FieldCause[], options?: ErrorOptions): ApiError {
  const { kind, group } = target.kind
  // Labels are checked by their own rules and by the schema: what both say is said once.
  const causes = [...new Map(found.map((cause) => [`${cause.field}: ${cause.message}`, cause])).values()]
  const lines = causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
  const problem = lines.length === 1 ? lines[0]! : `[${lines.join(', ')}]`
  return new ApiError(
    'Invalid',
    `${group === '' ? kind : `${kind}.${group}`} "${target.name ?? ''}" is invalid: ${problem}`,
    // Here, unlike elsewhere, Kubernetes puts the kind and not the resource.
    {
      ...detailsOf(target),
      kind,
      causes: causes.map(({ field, message, reason }) => ({
        reason: reason ?? 'FieldValueInvalid',
        message,
        field,
      })),
    },
    options,
  )
}

/**
 * @param error whatever a handler threw
 * @param target what the request was about, if that was known
 * @returns an `ApiError`; `InternalError`, with the message withheld, for what should not have happened
 */
export function asApiError(error: unknown, target?: Target): ApiError {
  if (error instanceof ApiError) return error
  const invalidObject = asInvalidObject(error)
  if (invalidObject) {
    if (target) return invalid(target, invalidObject.causes, { cause: error })
    return new ApiError('Invalid', invalidObject.message, undefined, { cause: error })
  }
  if (isStoreError(error)) {
    const options = { cause: error }
    const details = target && detailsOf(target)
    switch (error.code) {
      case 'NotFound':
        return target ? notFound(target) : new ApiError('NotFound', error.message, details, options)
      case 'AlreadyExists': {
        const message = target
          ? `${resourceOf(target.kind)} "${target.name ?? ''}" already exists`
          : error.message
        return new ApiError('AlreadyExists', message, details, options)
      }
      case 'Conflict':
        return target
          ? conflict(target, MODIFIED, options)
          : new ApiError('Conflict', error.message, details, options)
      case 'Expired':
        return new ApiError('Expired', error.message, details, options)
      case 'Invalid':
        return new ApiError('Invalid', error.message, details, options)
      case 'TooLarge':
        return new ApiError('RequestEntityTooLarge', error.message, details, options)
      case 'TooManyRequests': {
        const retryAfterSeconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1000))
        return new ApiError('TooManyRequests', error.message, { ...details, retryAfterSeconds }, options)
      }
      case 'Unavailable':
        return new ApiError(
          'ServiceUnavailable',
          error.message,
          { ...details, retryAfterSeconds: 1 },
          options,
        )
    }
  }
  const fromHttp = httpError(error)
  if (fromHttp) return fromHttp
  return new ApiError(
    'InternalError',
    'Internal error occurred; the log of the node has the details',
    undefined,
    {
      cause: error,
    },
  )
}

/** Errors of the HTTP server itself carry a `statusCode`. */
function httpError(error: unknown): ApiError | undefined {
  const code = (error as { statusCode?: unknown } | null | undefined)?.statusCode
  if (typeof code !== 'number' || code >= 500 || !(error instanceof Error)) return undefined
  const reason = (Object.keys(CODES) as StatusReason[]).find((key) => CODES[key] === code) ?? 'BadRequest'
  return new ApiError(reason, error.message, undefined, { cause: error })
}
