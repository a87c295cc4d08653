import { readdirSync, readFileSync } from 'node:fs'

/** @returns ids of processes that were started with the argument, in any namespace */
export function processesWith(argument: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(argument)
    } catch {
      return false
    }
  })
}
