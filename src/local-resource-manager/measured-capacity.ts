/** What this machine is and has, as Kubernetes would say it. */
import { arch, availableParallelism, totalmem } from 'node:os'
import type { Amounts } from '../quantity/amounts.ts'
import { canonical } from '../quantity/index.ts'

/** Kubernetes' names of processor architectures, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
}

/** @returns this machine's architecture as Kubernetes calls it */
export function localArchitecture(): string {
  return ARCHITECTURES[arch()] ?? arch()
}

/** @returns what the whole machine has */
export function measuredCapacity(): Amounts {
  return {
    cpu: String(availableParallelism()),
    memory: canonical(`${Math.floor(totalmem() / 2 ** 20)}Mi`),
    pods: '110',
  }
}
