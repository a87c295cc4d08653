/** Who asks the control API. Pure. */

/** `admin` may do all that anybody may; `viewer` may look at what holds no secrets. */
export const ROLES = ['admin', 'viewer'] as const
export type AccessRole = (typeof ROLES)[number]

export interface Caller {
  /** As `kubectl auth whoami` shows it. */
  readonly name: string
  readonly groups: readonly string[]
  readonly role: AccessRole
  /** Came in through the socket in the node's directory. */
  readonly local: boolean
  /** Aborts when it may ask no longer; what is being answered ends then. */
  readonly revoked: AbortSignal
}

const ALL = 'system:authenticated'
const GROUPS: Readonly<Record<AccessRole, readonly string[]>> = {
  admin: ['system:masters', ALL],
  viewer: ['tributary:viewers', ALL],
}

/** Whoever can open the socket in the node's directory. */
export const OWNER: Caller = {
  name: 'tributary:owner',
  groups: GROUPS.admin,
  role: 'admin',
  local: true,
  revoked: new AbortController().signal,
}

/** @returns the caller that a token of this name stands for */
export function tokenCaller(token: string, role: AccessRole, revoked: AbortSignal): Caller {
  return { name: `tributary:token:${token}`, groups: GROUPS[role], role, local: false, revoked }
}
