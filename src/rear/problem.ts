/**
 * What REAR answers when it does not do as asked: problem documents (RFC 9457) with stable codes.
 *
 * `PROBLEMS` is the whole catalogue; the documentation is made from it. `detail` is for the other side and
 * must not tell it anything that it may not know; `cause` is for our log.
 */
import Type from 'typebox'
import type { RearResponse } from './transport/index.ts'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** When it is answered, and what the caller can do; for the documentation. */
  readonly meaning: string
}

/** Every problem that REAR answers, by its code. */
export const PROBLEMS = {
  'malformed-body': {
    status: 400,
    title: 'Malformed body',
    meaning: 'The body is not JSON, or not the message that is expected here; `errors` names the members.',
  },
  'bad-selector': {
    status: 400,
    title: 'Bad selector',
    meaning: 'The query is not a selector; `reason` and `filter` say what is wrong with it.',
  },
  'bad-request': {
    status: 400,
    title: 'Bad request',
    meaning: 'The request cannot be understood; see `detail`.',
  },
  'peer-unknown': {
    status: 403,
    title: 'Unknown peer',
    meaning: 'The caller is not known here and nobody vouches for it.',
  },
  'peer-not-accepted': {
    status: 403,
    title: 'Peer not accepted',
    meaning: 'The caller is known, but was not accepted as a partner (yet).',
  },
  'peer-rejected': {
    status: 403,
    title: 'Peer rejected',
    meaning:
      'The operator of this node has rejected the caller: nothing but the end of a contract is taken from it.',
  },
  'not-a-party': {
    status: 403,
    title: 'Not a party',
    meaning: 'The transaction or contract is between others.',
  },
  'not-authenticated': {
    status: 401,
    title: 'Not authenticated',
    meaning: 'This listener does not know who calls; what is asked needs a proved identity.',
  },
  'route-not-found': { status: 404, title: 'No such route', meaning: 'Nothing is at this path.' },
  'flavor-not-found': {
    status: 404,
    title: 'Flavor not found',
    meaning: 'The flavor was sold, withdrawn or replaced by a smaller one: list again.',
  },
  'transaction-not-found': {
    status: 404,
    title: 'Transaction not found',
    meaning: 'No such transaction, or it was forgotten long after it ended: reserve again.',
  },
  'contract-not-found': { status: 404, title: 'Contract not found', meaning: 'No such contract.' },
  'not-found': { status: 404, title: 'Not found', meaning: 'What the path names does not exist.' },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    meaning: 'The path exists, but not for this method; see the `allow` header.',
  },
  'insufficient-capacity': {
    status: 409,
    title: 'Insufficient capacity',
    meaning: 'Less is free than is asked for: another buyer came first. List again.',
  },
  'not-partitionable': {
    status: 409,
    title: 'Not partitionable that way',
    meaning:
      "The amounts do not fit the minimum, step or maximum of the flavor's policy; see the extensions.",
  },
  'flavor-unavailable': {
    status: 409,
    title: 'Flavor unavailable',
    meaning: 'The flavor exists but is not on sale now.',
  },
  'key-reused': {
    status: 409,
    title: 'Key used before',
    meaning: 'The idempotency key was used for another request by the same caller.',
  },
  'contract-closed': { status: 409, title: 'Contract closed', meaning: 'The contract has ended.' },
  conflict: {
    status: 409,
    title: 'Conflict',
    meaning: 'The request does not fit the state of things; see `detail`.',
  },
  'transaction-expired': {
    status: 410,
    title: 'Transaction expired',
    meaning: 'The hold ended before it was bought: reserve again.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    meaning: 'The body is larger than this node takes.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'Bodies are JSON: `content-type: application/json`.',
  },
  'wrong-configuration': {
    status: 422,
    title: 'Wrong configuration',
    meaning: 'The configuration is of another type than the flavor, or does not fit its template.',
  },
  'signature-invalid': {
    status: 422,
    title: 'Invalid signature',
    meaning: 'A signature is missing, not by whom it should be, or not over these terms.',
  },
  'exceeds-contract': {
    status: 422,
    title: 'Exceeds the contract',
    meaning: 'More is asked for than the signed contract gives.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    meaning: 'Wait as long as the `retry-after` header says.',
  },
  'internal-error': {
    status: 500,
    title: 'Internal error',
    meaning: 'A fault of this node; its log knows more. The request may be repeated with the same key.',
  },
  'not-supported': {
    status: 501,
    title: 'Not supported',
    meaning: 'This node does not offer what is asked for.',
  },
  'upstream-failed': {
    status: 502,
    title: 'Next node failed',
    meaning: 'A node behind this one did not answer properly.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    meaning: 'This node is starting, stopping or overloaded. Come back when the `retry-after` header says.',
  },
  timeout: { status: 504, title: 'Timeout', meaning: 'Something that this node waits for took too long.' },
} as const satisfies Readonly<Record<string, ProblemKind>>

export type ProblemCode = keyof typeof PROBLEMS

/** What every problem document's `type` begins with; the code follows. */
export const PROBLEM_TYPE_PREFIX = 'urn:tributary:problem:'

export interface ProblemOptions extends ErrorOptions {
  /** Further members of the document, for programs. */
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Headers of the response, for example `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Thrown by whoever refuses a request; becomes the response. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly status: number
  readonly title: string
  /** For people on the other side. */
  readonly detail: string
  readonly extensions: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(`${code}: ${detail}`, 'cause' in options ? { cause: options.cause } : {})
    const kind: ProblemKind = PROBLEMS[code]
    this.code = code
    this.status = kind.status
    this.title = kind.title
    this.detail = detail
    this.extensions = options.extensions ?? {}
    this.headers = options.headers ?? {}
  }

  /** The problem document. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { code, status, title, detail } = this
    return { ...this.extensions, type: `${PROBLEM_TYPE_PREFIX}${code}`, title, status, detail, code }
  }
}

/** @returns whether `error` is a `Problem` with one of the codes, or with any when none is given. */
export function isProblem(error: unknown, ...codes: readonly ProblemCode[]): error is Problem {
  return error instanceof Problem && (codes.length === 0 || codes.includes(error.code))
}

/** @returns the response that a problem becomes. */
export function problemResponse(problem: Problem): RearResponse & { readonly body: string } {
  return {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': 'application/problem+json' },
    body: JSON.stringify(problem),
  }
}

/** What a client can learn of a refusal; `code` is undefined when the other side is no node like this one. */
export interface ReceivedProblem {
  readonly status: number
  readonly code: ProblemCode | undefined
  readonly detail: string
  readonly document: Readonly<Record<string, unknown>>
}

/**
 * Reads an answer that is no success, be it a problem document or the plain text of an upstream node.
 * @returns what it says; never throws
 */
export function readProblem(response: {
  readonly status: number
  readonly body: Uint8Array | string | undefined
}): ReceivedProblem {
  const text = typeof response.body === 'string' ? response.body : new TextDecoder().decode(response.body)
  let document: Readonly<Record<string, unknown>> = {}
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null && !Array.isArray(json))
      document = json as Record<string, unknown>
  } catch {
    // Plain text, as upstream answers: it is the detail.
  }
  const { code, detail } = document
  return {
    status: response.status,
    code: typeof code === 'string' && Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : undefined,
    detail: (typeof detail === 'string' ? detail : text.trim()).slice(0, 500),
    document,
  }
}

/** Schema of every problem document. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.Unsafe<ProblemCode>({ type: 'string', enum: Object.keys(PROBLEMS) }),
  },
  { title: 'Problem', description: 'Why a request was refused (RFC 9457).' },
)
