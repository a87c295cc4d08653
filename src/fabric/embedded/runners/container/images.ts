/** The images of containers: there, or pulled as the pod says. */
import type Docker from 'dockerode'
import type { Readable } from 'node:stream'
import { type ContainerSpec, type PullCredential, RunnerError } from '../../runner.ts'

const DEFAULT_REGISTRY = 'docker.io'
/** Docker's own reference grammar, roughly: enough to tell a name from something else. */
const NAME = /^[a-z0-9][a-z0-9._\-/:]*(?:@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$/

export interface Image {
  /** Its digest: what of an image never changes. */
  readonly id: string
  /** The user that it says its program runs as; empty for root. */
  readonly user: string
  readonly bytes: number
  /** Whether it was not with the engine before. */
  readonly isNew: boolean
}

export interface ImageRequest {
  readonly image: string
  readonly policy: ContainerSpec['imagePullPolicy']
  readonly credentials: readonly PullCredential[]
  /** Whether images may come from a network at all. */
  readonly mayPull: boolean
  /** More is not fetched; what is fetched is compressed, so the image may still be larger. */
  readonly mostBytes?: number
}

/** @throws RunnerError `image-name-invalid`, `image-not-present`, `image-pull-failed` */
export async function ensureImage(docker: Docker, request: ImageRequest): Promise<Image> {
  const { image, policy = defaultPolicy(image), credentials, mayPull, mostBytes } = request
  if (!NAME.test(image)) throw new RunnerError('image-name-invalid', `"${image}" is no name of an image`)
  const there = await inspect(docker, image)
  if (policy !== 'Always') {
    if (there !== undefined) return there
    if (policy === 'Never') {
      throw new RunnerError(
        'image-not-present',
        `the image ${image} is not here, and its policy is never to pull it`,
      )
    }
  }
  if (!mayPull)
    throw new RunnerError('image-not-present', `the image ${image} is not here, and this node pulls none`)
  await pull(docker, image, credentials, mostBytes)
  const pulled = await inspect(docker, image)
  if (pulled === undefined)
    throw new RunnerError('image-pull-failed', `${image} is not there after it was pulled`)
  return { ...pulled, isNew: pulled.id !== there?.id }
}

/** Kubernetes' rule: what may be another image tomorrow is asked for each time. */
export function defaultPolicy(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent'
  const tag = /:([^:/]+)$/.exec(image)?.[1] ?? 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/** @returns the host, with its port if any, that an image comes from */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : DEFAULT_REGISTRY
}

async function inspect(docker: Docker, image: string): Promise<Image | undefined> {
  try {
    const { Id, Config, Size } = await docker.getImage(image).inspect()
    return { id: Id, user: (Config as { User?: string } | undefined)?.User ?? '', bytes: Size, isNew: false }
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined
    throw new RunnerError(
      'spawn-failed',
      `the engine does not say whether it has ${image}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

interface Progress {
  /** Of a layer. */
  readonly id?: string
  readonly progressDetail?: { readonly total?: number }
}

async function pull(
  docker: Docker,
  image: string,
  credentials: readonly PullCredential[],
  mostBytes = Infinity,
): Promise<void> {
  const registry = registryOf(image)
  const known = credentials.find(
    (each) =>
      each.registry === registry || (registry === DEFAULT_REGISTRY && each.registry === 'index.docker.io'),
  )
  const options = known && {
    authconfig: { username: known.username, password: known.password, serveraddress: registry },
  }
  try {
    const stream = await docker.pull(image, options ?? {})
    const layers = new Map<string, number>()
    await new Promise<void>((resolve, reject) => {
      const onProgress = ({ id = '', progressDetail }: Progress): void => {
        layers.set(id, progressDetail?.total ?? layers.get(id) ?? 0)
        const bytes = [...layers.values()].reduce((sum, each) => sum + each, 0)
        if (bytes <= mostBytes) return
        // The engine stops when nobody listens any more.
        ;(stream as Readable).destroy()
        reject(
          new Error(`${image} has more than the ${mostBytes} bytes that are left for images (guests.images)`),
        )
      }
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()), onProgress)
    })
  } catch (error) {
    throw new RunnerError('image-pull-failed', (error as Error).message, { cause: error })
  }
}
