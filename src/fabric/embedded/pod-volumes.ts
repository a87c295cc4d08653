/** The volumes of a pod and where its containers have them, as runners want them. Pure. */
import { join } from 'node:path'
import type { Container } from '../../objects/core/pod-spec.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { parseQuantity, wholeUnits } from '../../quantity/index.ts'
import { isOfFiles } from './config-files.ts'
import { ContainerConfigError } from './environment.ts'
import type { PodVolume, VolumeMount } from './runner.ts'

/**
 * @param filesDirectory where the directories of volumes of files are
 * @throws ContainerConfigError
 */
export function podVolumes(pod: Pod, filesDirectory: string): readonly PodVolume[] {
  return (pod.spec.volumes ?? []).map((volume) => {
    const { name, emptyDir } = volume
    if (isOfFiles(volume)) return { kind: 'files' as const, name, directory: join(filesDirectory, name) }
    // A volume of no kind is an emptyDir; of another, it is refused before it comes here.
    const other = Object.keys(volume).find((key) => key !== 'name' && key !== 'emptyDir')
    if (other !== undefined)
      throw new ContainerConfigError(`volume "${name}": ${other} is not supported by the embedded cluster`)
    const { medium, sizeLimit } = emptyDir ?? {}
    const sizeBytes = sizeLimit === undefined ? 0 : Number(wholeUnits(parseQuantity(String(sizeLimit))))
    return {
      kind: 'empty' as const,
      name,
      ...(medium === 'Memory' && { medium: 'Memory' as const }),
      // As in Kubernetes, 0 states nothing.
      ...(sizeBytes > 0 && { sizeBytes }),
    }
  })
}

/** @throws ContainerConfigError */
export function volumeMounts(pod: Pod, container: Container): readonly VolumeMount[] {
  const complain = (why: string): ContainerConfigError =>
    new ContainerConfigError(`container "${container.name}": volumeMounts${why}`)
  const known = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume]))
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, subPath }) => {
    const volume = known.get(name)
    if (volume === undefined) throw complain(`: there is no volume "${name}"`)
    if (subPath !== undefined && (subPath.startsWith('/') || subPath.split('/').includes('..'))) {
      throw complain(`: subPath "${subPath}" leads out of the volume`)
    }
    return {
      volume: name,
      mountPath,
      readOnly: readOnly === true || isOfFiles(volume),
      ...(subPath !== undefined && subPath !== '' && { subPath }),
    }
  })
}
