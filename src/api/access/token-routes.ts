/** The routes by which tokens are made, listed and revoked: `tributary token`, `tributary kubeconfig`. */
import { isObject } from '../../kernel/json.ts'
import type { AccessToken } from '../../objects/access-token.ts'
import type { ExtraRequest, ExtraRoute } from '../extra-route.ts'
import { ApiError } from '../status.ts'
import { type AccessTokens, TokenError } from './access-tokens.ts'
import { type AccessRole, ROLES } from './caller.ts'

/** Where clients find the API, and whom they are to trust. */
export interface SecureEndpoint {
  readonly url: string
  /** PEM. */
  readonly authority: string
}

const LONGEST_LIFETIME_S = 10 * 365 * 86_400

/** @param endpoint undefined where there is no HTTPS: then a token is of no use, and none is made */
export function tokenRoutes(
  tokens: AccessTokens,
  endpoint: () => SecureEndpoint | undefined,
): readonly ExtraRoute[] {
  return [
    {
      method: 'POST',
      path: '/tributary/v1/tokens',
      access: 'owner',
      handler: async (request) => {
        const where = endpoint()
        if (where === undefined)
          throw new ApiError(
            'ServiceUnavailable',
            'HTTPS is off (control.listen): a token would be of no use',
          )
        const { token, object } = await createToken(tokens, request)
        return { status: 201, body: { ...described(object), token, ...where } }
      },
    },
    {
      method: 'GET',
      path: '/tributary/v1/tokens',
      access: 'admin',
      handler: async () => ({ status: 200, body: { tokens: (await tokens.list()).map(described) } }),
    },
    {
      method: 'DELETE',
      path: '/tributary/v1/tokens/:name',
      access: 'admin',
      async handler({ params }) {
        const name = params['name'] ?? ''
        if (await tokens.revoke(name)) return { status: 200, body: { revoked: name } }
        throw new ApiError('NotFound', `there is no token ${JSON.stringify(name)}`)
      },
    },
  ]
}

function createToken(tokens: AccessTokens, { body }: ExtraRequest): ReturnType<AccessTokens['create']> {
  const { role, expiresSeconds, name, purpose } = isObject(body) ? body : {}
  const wrong = (what: string): ApiError => new ApiError('Invalid', what)
  if (!ROLES.some((each) => each === role)) throw wrong(`role: must be one of ${ROLES.join(', ')}`)
  if (!Number.isSafeInteger(expiresSeconds) || !((expiresSeconds as number) > 0)) {
    throw wrong('expiresSeconds: must be a whole number of seconds, at least 1')
  }
  if ((expiresSeconds as number) > LONGEST_LIFETIME_S) throw wrong('expiresSeconds: at most ten years')
  if (name !== undefined && !(typeof name === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)))
    throw wrong('name: must consist of lower case letters, digits and dashes, at most 63')
  if (purpose !== undefined && purpose !== 'kubeconfig') throw wrong('purpose: must be kubeconfig')
  return tokens
    .create({
      role: role as AccessRole,
      lifetimeMs: (expiresSeconds as number) * 1000,
      ...(name === undefined ? {} : { name }),
      ...(purpose === undefined ? {} : { purpose }),
    })
    .catch((error: unknown) => {
      if (!(error instanceof TokenError)) throw error
      const reason = error.code === 'taken' ? 'AlreadyExists' : 'TooManyRequests'
      throw new ApiError(reason, error.message, undefined, { cause: error })
    })
}

/** What is told of a token: never its hash. */
function described({ metadata, spec }: AccessToken): object {
  const { role, expires, purpose } = spec
  return {
    name: metadata.name,
    role,
    expires,
    created: metadata.creationTimestamp,
    ...(purpose === undefined ? {} : { purpose }),
  }
}
