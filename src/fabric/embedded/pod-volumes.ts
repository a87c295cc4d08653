/** The volumes of a pod and where its containers have them, as runners want them. Pure. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Container } from '../../objects/core/pod-spec.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { parseQuantity, wholeUnits } from '../../quantity/index.ts'
import { ContainerConfigError } from './environment.ts'
import type { PodVolume, VolumeMount } from './runner.ts'

const volumes = Compile(
  Type.Array(
    Type.Object({
      name: Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }),
      emptyDir: Type.Optional(
        Type.Union([
          Type.Null(),
          Type.Object({
            medium: Type.Optional(Type.Union([Type.Literal(''), Type.Literal('Memory')])),
            sizeLimit: Type.Optional(Type.Union([Type.String(), Type.Number()])),
          }),
        ]),
      ),
    }),
  ),
)

const mounts = Compile(
  Type.Array(
    Type.Object({
      name: Type.String(),
      mountPath: Type.String({ pattern: '^/[^:\\0]*$' }),
      readOnly: Type.Optional(Type.Boolean()),
      subPath: Type.Optional(Type.String()),
    }),
  ),
)

/** @throws ContainerConfigError */
export function podVolumes(pod: Pod): readonly PodVolume[] {
  const given: unknown = pod.spec.volumes ?? []
  if (!volumes.Check(given)) {
    const [first] = volumes.Errors(given)
    throw new ContainerConfigError(`volumes${first?.instancePath ?? ''}: ${first?.message ?? 'not valid'}`)
  }
  return given.map(({ name, emptyDir, ...other }) => {
    if (emptyDir === undefined) {
      const kind = Object.keys(other)[0] ?? 'none'
      throw new ContainerConfigError(
        `volume "${name}": ${kind} is not supported by the embedded cluster, emptyDir is`,
      )
    }
    const { medium, sizeLimit } = emptyDir ?? {}
    return {
      kind: 'empty' as const,
      name,
      ...(medium === 'Memory' && { medium }),
      ...(sizeLimit !== undefined && { sizeBytes: Number(wholeUnits(parseQuantity(String(sizeLimit)))) }),
    }
  })
}

/** @throws ContainerConfigError */
export function volumeMounts(pod: Pod, container: Container): readonly VolumeMount[] {
  const given: unknown = container.volumeMounts ?? []
  const complain = (why: string): ContainerConfigError =>
    new ContainerConfigError(`container "${container.name}": volumeMounts${why}`)
  if (!mounts.Check(given)) {
    const [first] = mounts.Errors(given)
    throw complain(`${first?.instancePath ?? ''}: ${first?.message ?? 'not valid'}`)
  }
  const known = new Map(podVolumes(pod).map((volume) => [volume.name, volume]))
  return given.map(({ name, mountPath, readOnly, subPath }) => {
    const volume = known.get(name)
    if (volume === undefined) throw complain(`: there is no volume "${name}"`)
    if (subPath !== undefined && (subPath.startsWith('/') || subPath.split('/').includes('..'))) {
      throw complain(`: subPath "${subPath}" leads out of the volume`)
    }
    return {
      volume: name,
      mountPath,
      readOnly: readOnly === true || volume.kind === 'files',
      ...(subPath !== undefined && { subPath }),
    }
  })
}
