/**
 * What a container's program sees of the world: its environment, its command with `$(NAME)` filled in.
 * Kubernetes' rules. Pure.
 */
import type { Container, EnvVar } from '../../objects/core/pod-spec.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { ORIGIN_ANNOTATION, type PodIdentity } from './names.ts'

/** The manifest asks for what cannot be given; Kubernetes' `CreateContainerConfigError`. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError'
  readonly code = 'CreateContainerConfigError'
}

export interface PodSurroundings {
  readonly podIP: string
  readonly hostIP: string
  /** The node whose machine runs the pod; for a pod of another node it differs from `spec.nodeName` there. */
  readonly localNode: string
}

/** @returns what the pod is called by the one who wants it to run */
export function identityOf(pod: Pod): PodIdentity {
  const origin = pod.metadata.annotations?.[ORIGIN_ANNOTATION]
  if (origin !== undefined) return JSON.parse(origin) as PodIdentity
  const { name, namespace = 'default', uid } = pod.metadata
  return { name, namespace, uid, nodeName: pod.spec.nodeName ?? '' }
}

/** Any name that a shell can take over, and the few more that Kubernetes allows. */
const ENV_NAME = /^[A-Za-z_][-A-Za-z0-9_.]*$/

/**
 * @param base what every program sees; the container's own variables win
 * @throws ContainerConfigError
 */
export function containerEnvironment(
  pod: Pod,
  container: Container,
  base: Readonly<Record<string, string>>,
  surroundings: PodSurroundings,
): Readonly<Record<string, string>> {
  if (container.envFrom !== undefined) {
    throw new ContainerConfigError(
      'envFrom is not supported: the embedded cluster has no ConfigMaps and Secrets',
    )
  }
  const env: Record<string, string> = { ...base }
  for (const variable of container.env ?? []) {
    if (!ENV_NAME.test(variable.name)) {
      throw new ContainerConfigError(`env: ${JSON.stringify(variable.name)} cannot be the name of a variable`)
    }
    env[variable.name] = valueOf(variable, pod, surroundings, env)
    if (env[variable.name]!.includes('\0')) {
      throw new ContainerConfigError(`env: the value of ${variable.name} contains a zero byte`)
    }
  }
  return env
}

/**
 * @returns the container's command and arguments with variables filled in, each absent where the manifest has none
 * @throws ContainerConfigError
 */
export function containerCommand(
  container: Container,
  env: Readonly<Record<string, string>>,
): { readonly command?: readonly string[]; readonly args?: readonly string[] } {
  const filled = (texts: readonly string[] | undefined): readonly string[] | undefined =>
    texts === undefined || texts.length === 0 ? undefined : texts.map((text) => expand(text, env))
  const command = filled(container.command)
  const args = filled(container.args)
  if ([...(command ?? []), ...(args ?? [])].some((text) => text.includes('\0'))) {
    throw new ContainerConfigError(`container "${container.name}": its command contains a zero byte`)
  }
  return { ...(command && { command }), ...(args && { args }) }
}

/** @returns `text` with `$(NAME)` replaced where the variable is known; `$$(NAME)` stands for `$(NAME)` */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (all, what: string, name: string | undefined) => {
    if (what === '$') return '$'
    return name !== undefined && Object.hasOwn(env, name) ? env[name]! : all
  })
}

function valueOf(
  { name, value, valueFrom }: EnvVar,
  pod: Pod,
  surroundings: PodSurroundings,
  env: Readonly<Record<string, string>>,
): string {
  if (valueFrom === undefined) return expand(value ?? '', env)
  const path = valueFrom.fieldRef?.fieldPath
  if (path === undefined) {
    const source = Object.keys(valueFrom)[0] ?? 'valueFrom'
    throw new ContainerConfigError(
      `env ${name}: ${source} is not supported by the embedded cluster, fieldRef is`,
    )
  }
  const found = fieldOf(path, pod, surroundings)
  if (found === undefined) throw new ContainerConfigError(`env ${name}: fieldPath "${path}" is not supported`)
  return found
}

function fieldOf(path: string, pod: Pod, { podIP, hostIP }: PodSurroundings): string | undefined {
  const identity = identityOf(pod)
  switch (path) {
    case 'metadata.name':
      return identity.name
    case 'metadata.namespace':
      return identity.namespace
    case 'metadata.uid':
      return identity.uid
    case 'spec.nodeName':
      return identity.nodeName
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default'
    case 'status.podIP':
    case 'status.podIPs':
      return podIP
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIP
    default: {
      const member = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path)
      if (member === null) return undefined
      return pod.metadata[member[1] as 'labels' | 'annotations']?.[member[2]!] ?? ''
    }
  }
}
