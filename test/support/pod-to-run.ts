/** A pod of a stranger, for tests of runners. */
import type { PodSpecToRun } from '../../src/fabric/embedded/index.ts'

const MIB = 1024 * 1024

export const podToRun = (more: Partial<PodSpecToRun> = {}): PodSpecToRun => ({
  uid: 'pod-1',
  guest: 'stranger',
  group: { id: 'contract-1', limits: { cpuMillis: 1_000, memoryBytes: 512 * MIB, diskBytes: 64 * MIB } },
  hostname: 'a-pod',
  address: '127.0.0.1',
  ports: [],
  volumes: [],
  egress: 'none',
  images: false,
  pullCredentials: [],
  ...more,
})
