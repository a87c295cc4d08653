/**
 * What a container's program sees of the world: its environment, its command with `$(NAME)` filled in.
 * Kubernetes' rules.
 */
import type { Container, EnvFrom, EnvVar } from '../../objects/core/pod-spec.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { parseQuantity } from '../../quantity/index.ts'
import type { ConfigKind } from './config-references.ts'
import type { ConfigSource } from './pod-config.ts'
import { ORIGIN_ANNOTATION, type PodIdentity } from './names.ts'

/** The manifest asks for what cannot be given; Kubernetes' `CreateContainerConfigError`. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError'
  readonly code = 'CreateContainerConfigError'
}

/** What it needs may yet come: to be tried again. */
export class MissingReferenceError extends ContainerConfigError {}

/** As the kubelet says it. */
export function missingReference(kind: ConfigKind, name: string, key?: string): MissingReferenceError {
  const what = kind === 'Secret' ? 'secret' : 'configmap'
  return new MissingReferenceError(
    key === undefined ? `${what} "${name}" not found` : `couldn't find key ${key} in ${kind} ${name}`,
  )
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

type ResourceFieldRef = NonNullable<NonNullable<EnvVar['valueFrom']>['resourceFieldRef']>

/** Any name that a shell can take over, and the few more that Kubernetes allows. */
const ENV_NAME = /^[A-Za-z_][-A-Za-z0-9_.]*$/

/**
 * @param base what every program sees; the container's own variables win
 * @param source of ConfigMaps and Secrets
 * @throws ContainerConfigError; MissingReferenceError where it may yet come
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  base: Readonly<Record<string, string>>,
  surroundings: PodSurroundings,
  source: ConfigSource,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = { ...base }
  for (const from of container.envFrom ?? []) Object.assign(env, await variablesOf(from, source))
  for (const variable of container.env ?? []) {
    if (!ENV_NAME.test(variable.name)) {
      throw new ContainerConfigError(`env: ${JSON.stringify(variable.name)} cannot be the name of a variable`)
    }
    const value = await valueOf(variable, pod, container, surroundings, env, source)
    if (value === undefined) continue
    env[variable.name] = value
  }
  for (const [name, value] of Object.entries(env))
    if (value.includes('\0')) throw new ContainerConfigError(`env: the value of ${name} contains a zero byte`)
  return env
}

/** Keys that cannot be names of variables are left out, as Kubernetes does. */
async function variablesOf(
  { prefix = '', configMapRef, secretRef }: EnvFrom,
  source: ConfigSource,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {}
  for (const [kind, ref] of [['ConfigMap', configMapRef] as const, ['Secret', secretRef] as const]) {
    if (ref === undefined) continue
    const content = await source(kind, ref.name)
    if (content === undefined && ref.optional !== true) throw missingReference(kind, ref.name)
    for (const [key, bytes] of content ?? [])
      if (ENV_NAME.test(prefix + key)) env[prefix + key] = bytes.toString()
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

/** @returns undefined for what is optional and not there */
async function valueOf(
  { name, value, valueFrom }: EnvVar,
  pod: Pod,
  container: Container,
  surroundings: PodSurroundings,
  env: Readonly<Record<string, string>>,
  source: ConfigSource,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expand(value ?? '', env)
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
  for (const [kind, ref] of [['ConfigMap', configMapKeyRef] as const, ['Secret', secretKeyRef] as const]) {
    if (ref === undefined) continue
    const content = await source(kind, ref.name)
    const bytes = content?.get(ref.key)
    if (bytes !== undefined) return bytes.toString()
    if (ref.optional === true) return undefined
    throw content === undefined ? missingReference(kind, ref.name) : missingReference(kind, ref.name, ref.key)
  }
  if (resourceFieldRef !== undefined) return resourceOfContainer(resourceFieldRef, pod, container)
  const path = fieldRef?.fieldPath
  const found = path === undefined ? undefined : fieldOf(path, pod, surroundings)
  if (found === undefined) {
    throw new ContainerConfigError(
      path === undefined
        ? `env ${name}: ${Object.keys(valueFrom)[0] ?? 'valueFrom'} is not supported`
        : `env ${name}: fieldPath "${path}" is not supported`,
    )
  }
  return found
}

/**
 * @param container the one that asks, where the reference names none
 * @returns the amount in whole divisors, rounded up, as Kubernetes does
 * @throws ContainerConfigError when the container states no such amount
 */
export function resourceOfContainer(
  { containerName, resource, divisor = '1' }: ResourceFieldRef,
  pod: Pod,
  container: Container | undefined,
): string {
  const of = pod.spec.containers.find(({ name }) => name === (containerName ?? container?.name))
  const [what, ...rest] = resource.split('.')
  const amounts =
    what === 'limits' ? of?.resources?.limits : what === 'requests' ? of?.resources?.requests : undefined
  const amount = amounts?.[rest.join('.')]
  if (amount === undefined)
    throw new ContainerConfigError(`resourceFieldRef: the container has no ${resource}`)
  const by = parseQuantity(String(divisor)).nanos || 1_000_000_000n
  const nanos = parseQuantity(String(amount)).nanos
  return String((nanos + by - 1n) / by)
}

export function fieldOf(path: string, pod: Pod, { podIP, hostIP }: PodSurroundings): string | undefined {
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
      const whole = /^metadata\.(labels|annotations)$/.exec(path)
      if (whole !== null) {
        const map = pod.metadata[whole[1] as 'labels' | 'annotations'] ?? {}
        return Object.entries(map)
          .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
          .join('\n')
      }
      const member = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path)
      if (member === null) return undefined
      return pod.metadata[member[1] as 'labels' | 'annotations']?.[member[2]!] ?? ''
    }
  }
}
