/** @returns the name of the allocation of a contract */
export function allocationName(contractID: string): string {
  return `allocation-${contractID.replace(/^contract-/, '')}`
}
