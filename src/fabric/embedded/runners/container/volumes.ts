/** Scratch volumes of pods: memory file systems of a size, shared by the containers of a pod. */
import type Docker from 'dockerode'
import type { PodSpecToRun } from '../../runner.ts'
import type { Labels } from './container-options.ts'

/** Where neither the pod nor its contract says. */
const DEFAULT_BYTES = 256 << 20

/** @returns the engine's names of the pod's scratch volumes, by the pod's */
export async function makeVolumes(
  docker: Docker,
  prefix: string,
  pod: PodSpecToRun,
  labels: Labels,
): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>()
  for (const volume of pod.volumes) {
    if (volume.kind !== 'empty') continue
    const most = pod.group.limits.diskBytes ?? DEFAULT_BYTES
    const size = Math.min(volume.sizeBytes ?? most, most)
    const name = `${prefix}-${volume.name}`
    await docker.createVolume({
      Name: name,
      Driver: 'local',
      DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: `size=${size},mode=1777,nosuid,nodev` },
      Labels: { ...labels },
    })
    made.set(volume.name, name)
  }
  return made
}
