/** The processes below one, as this machine sees them, whatever namespaces they are in. */
import { readFileSync } from 'node:fs'

/** @returns the children of a process, in the order of their start; none when it has gone */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number)
  } catch {
    return []
  }
}

export function descendantsOf(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])
}
