/**
 * The files of volumes that are made of ConfigMaps, Secrets and what a pod knows of itself: which there are, and how
 * they come onto this machine. Runners mount their directories, read-only.
 */
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { Pod } from '../../objects/core/pod.ts'
import type { Volume, VolumeSource } from '../../objects/core/pod-spec.ts'
import { fieldOf, missingReference, type PodSurroundings, resourceOfContainer } from './environment.ts'
import { ContainerConfigError } from './environment.ts'
import type { ConfigSource } from './pod-config.ts'

interface ConfigFile {
  /** Below the volume. */
  readonly path: string
  readonly bytes: Buffer
  readonly mode: number
}

/** Kubernetes' own. */
const DEFAULT_MODE = 0o644

/** @returns whether a volume is one of files */
export function isOfFiles(volume: Volume): boolean {
  const { configMap, secret, downwardAPI, projected } = volume
  return [configMap, secret, downwardAPI, projected].some((source) => source !== undefined)
}

/**
 * Writes all files of the pod's volumes anew, each volume in a directory of its name below `directory`.
 * @throws ContainerConfigError
 */
export async function writeConfigFiles(
  pod: Pod,
  directory: string,
  source: ConfigSource,
  surroundings: PodSurroundings,
): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    if (!isOfFiles(volume)) continue
    const files = await filesOf(volume, pod, source, surroundings)
    const target = join(directory, volume.name)
    await mkdir(target, { recursive: true, mode: 0o755 })
    const kept = new Set<string>()
    for (const { path, bytes, mode } of files) {
      const file = join(target, path)
      // The schema has seen to it; this is where it would do harm.
      if (!file.startsWith(target + sep))
        throw new ContainerConfigError(`volume "${volume.name}": ${path} leads out of it`)
      await mkdir(dirname(file), { recursive: true, mode: 0o755 })
      // Whoever reads it meanwhile has the old file or the new one.
      await writeFile(`${file}.new`, bytes, { mode: 0o600 })
      await chmod(`${file}.new`, mode)
      await rename(`${file}.new`, file)
      kept.add(path.split(sep)[0]!)
    }
    for (const name of await readdir(target))
      if (!kept.has(name)) await rm(join(target, name), { recursive: true, force: true })
  }
}

async function filesOf(
  volume: Volume,
  pod: Pod,
  source: ConfigSource,
  surroundings: PodSurroundings,
): Promise<readonly ConfigFile[]> {
  const { configMap, secret, downwardAPI, projected } = volume
  const mode =
    configMap?.defaultMode ??
    secret?.defaultMode ??
    downwardAPI?.defaultMode ??
    projected?.defaultMode ??
    DEFAULT_MODE
  const sources: readonly VolumeSource[] = projected?.sources ?? [
    {
      ...(configMap && { configMap }),
      ...(secret && { secret: { ...secret, name: secret.secretName } }),
      ...(downwardAPI && { downwardAPI }),
    },
  ]
  const files: ConfigFile[] = []
  for (const each of sources) {
    files.push(...(await keysOf('ConfigMap', each.configMap, source, mode)))
    files.push(...(await keysOf('Secret', each.secret, source, mode)))
    for (const item of each.downwardAPI?.items ?? []) {
      const { path, fieldRef, resourceFieldRef } = item
      const text =
        fieldRef !== undefined
          ? fieldOf(fieldRef.fieldPath, pod, surroundings)
          : resourceFieldRef && resourceOfContainer(resourceFieldRef, pod, undefined)
      if (text === undefined)
        throw new ContainerConfigError(`volume "${volume.name}": ${path}: its field is not supported`)
      files.push({ path, bytes: Buffer.from(text), mode: item.mode ?? mode })
    }
  }
  return files
}

async function keysOf(
  kind: 'ConfigMap' | 'Secret',
  ref: VolumeSource['configMap'],
  source: ConfigSource,
  mode: number,
): Promise<readonly ConfigFile[]> {
  if (ref === undefined) return []
  const { name, items, optional = false } = ref
  const content = await source(kind, name)
  if (content === undefined) {
    if (optional) return []
    throw missingReference(kind, name)
  }
  if (items === undefined) return Array.from(content, ([path, bytes]) => ({ path, bytes, mode }))
  return items.flatMap((item) => {
    const bytes = content.get(item.key)
    if (bytes !== undefined) return [{ path: item.path, bytes, mode: item.mode ?? mode }]
    if (optional) return []
    throw missingReference(kind, name, item.key)
  })
}
