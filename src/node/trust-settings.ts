/** Whom the configuration says to trust. */
import type { EffectiveConfig } from '../config/index.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { AcceptancePolicy } from '../privacy-and-security-manager/index.ts'

/** @returns who is accepted without being asked about; the own domain and the trusted ones unless configured */
export function acceptancePolicy(config: EffectiveConfig, domain: string): AcceptancePolicy {
  switch (config.acceptance) {
    case 'ask':
      return { mode: 'ask' }
    case 'listed':
      return {
        mode: 'listed',
        nodes: config.peers.flatMap(({ id }) => (id === undefined ? [] : [parseNodeId(id)])),
      }
    case 'anyone-for-listing':
      return { mode: 'anyone-for-listing' }
    case 'domain':
      return { mode: 'domain', domains: [domain, ...Object.keys(config.trustedAuthorities)] }
  }
}

/** @returns by domain, whose word on its members is taken */
export function trustedAuthorities(config: EffectiveConfig): ReadonlyMap<string, readonly NodeId[]> {
  const trusted = new Map(
    Object.entries(config.trustedAuthorities).map(([domain, ids]) => [
      domain,
      ids.map((id) => parseNodeId(id)),
    ]),
  )
  const { name, authority } = config.domain
  if (authority !== undefined) {
    trusted.set(name, [...(trusted.get(name) ?? []), parseNodeId(authority)])
  }
  return trusted
}
