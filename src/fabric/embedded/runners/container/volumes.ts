/** Scratch volumes of pods: memory file systems of a size, shared by the containers of a pod. */
import type Docker from 'dockerode'
import type { PodSpecToRun } from '../../runner.ts'
import type { GroupBudgets } from '../group-budgets.ts'
import type { Labels } from './container-options.ts'

/** A size of nothing would be no limit. */
const SMALLEST_BYTES = 64 << 10

/** In bytes, by the pod's name of the volume. */
export type VolumeSizes = ReadonlyMap<string, number>

/** @returns what each volume may hold: what it states, or an equal part of half of what the contract has left */
export function volumeSizes({ volumes, group }: PodSpecToRun, budgets: GroupBudgets): VolumeSizes {
  const empty = volumes.filter((each) => each.kind === 'empty')
  const stated = empty.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
  const others = empty.filter(({ sizeBytes }) => sizeBytes === undefined).length
  const part = Math.max(
    SMALLEST_BYTES,
    Math.floor((budgets.left(group, 'diskBytes') - stated) / 2 / Math.max(1, others)),
  )
  return new Map(empty.map(({ name, sizeBytes = part }) => [name, Math.max(SMALLEST_BYTES, sizeBytes)]))
}

export function sumOf(sizes: VolumeSizes): number {
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

/**
 * Podman takes `size` for a quota of the disk, whatever the type of the volume: there the size is counted in pages.
 * @param pageBytes of this machine's memory, where the engine is Podman
 */
export function sizeOption(size: number, pageBytes?: number): string {
  return pageBytes === undefined ? `size=${size}` : `nr_blocks=${Math.max(1, Math.floor(size / pageBytes))}`
}

/** @returns the engine's names of the pod's scratch volumes, by the pod's */
export async function makeVolumes(
  docker: Docker,
  prefix: string,
  sizes: VolumeSizes,
  labels: Labels,
  pageBytes?: number,
): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>()
  for (const [volume, size] of sizes) {
    const name = `${prefix}-${volume}`
    await docker.createVolume({
      Name: name,
      Driver: 'local',
      DriverOpts: {
        type: 'tmpfs',
        device: 'tmpfs',
        o: `${sizeOption(size, pageBytes)},mode=1777,nosuid,nodev`,
      },
      Labels: { ...labels },
    })
    made.set(volume, name)
  }
  return made
}
