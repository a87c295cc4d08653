/** What the detached signatures are of (the `typ` of the JWS), so that one cannot be passed off as another. Pure. */
export const CONTRACT_SIGNATURE = { type: 'tributary-contract' } as const
export const FLAVOR_SIGNATURE = { type: 'tributary-flavor' } as const
export const CLOSING_SIGNATURE = { type: 'tributary-closing' } as const
export const ACCESS_SIGNATURE = { type: 'tributary-access' } as const
