import type { GuestTerms } from '../objects/guests.ts'

/** @returns in what programs of buyers run, and what is kept of them, for people; undefined where that is the cluster's */
export function guestsRow(guests: GuestTerms | undefined): string | undefined {
  if (guests === undefined) return undefined
  if (guests.status === 'Refused') return 'none: no compute is sold'
  const { runner, commands = runner, limits, egress } = guests
  const others = commands === runner ? '' : `, those without an image: ${commands}`
  return `${runner}${others} (${limits}; egress: ${egress})`
}
