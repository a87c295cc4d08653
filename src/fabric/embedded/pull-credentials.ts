/** The passwords of registries that a pod's `imagePullSecrets` hold. */
import type { Pod } from '../../objects/core/pod.ts'
import { DOCKER_CONFIG_KEY } from '../../objects/core/secret.ts'
import type { ConfigSource } from './pod-config.ts'
import type { PullCredential } from './runner.ts'

/** @returns those that can be read; a Secret that is not there is none, as in Kubernetes: the image may be public */
export async function pullCredentials(pod: Pod, source: ConfigSource): Promise<readonly PullCredential[]> {
  const found: PullCredential[] = []
  for (const { name } of pod.spec.imagePullSecrets ?? []) {
    const content = await source('Secret', name)
    const current = content?.get(DOCKER_CONFIG_KEY)
    const legacy = content?.get('.dockercfg')
    if (current) found.push(...credentialsOf((parsed(current) as { auths?: unknown }).auths))
    else if (legacy) found.push(...credentialsOf(parsed(legacy)))
  }
  return found
}

function credentialsOf(auths: unknown): readonly PullCredential[] {
  if (typeof auths !== 'object' || auths === null) return []
  return Object.entries(auths as Record<string, Record<string, unknown> | null>).flatMap(
    ([server, entry]) => {
      const { auth, username, password } = entry ?? {}
      const registry = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
      if (typeof username === 'string' && typeof password === 'string')
        return [{ registry, username, password }]
      if (typeof auth !== 'string') return []
      const text = Buffer.from(auth, 'base64').toString()
      const colon = text.indexOf(':')
      return colon < 0 ? [] : [{ registry, username: text.slice(0, colon), password: text.slice(colon + 1) }]
    },
  )
}

function parsed(bytes: Buffer): object {
  try {
    return (JSON.parse(bytes.toString()) as object | null) ?? {}
  } catch {
    return {}
  }
}
