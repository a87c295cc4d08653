/** Names of pods and their ports, as the virtual router's status and the local ports know them. Pure. */
import type { Pod } from '../objects/core/pod.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import type { RouterEndpoint } from '../objects/virtual-router.ts'
import type { LocalPort } from './local-port.ts'
import type { WantedPort } from './wanted-ports.ts'

export function targetOf(pod: Pod): { readonly namespace: string; readonly pod: string } {
  return { namespace: pod.metadata.namespace ?? DEFAULT_NAMESPACE, pod: pod.metadata.name }
}

export function podKey(pod: Pod): string {
  const { namespace, pod: name } = targetOf(pod)
  return `${namespace}/${name}`
}

/** What stays the same when one pod takes the place of another. */
export function ownerOf(pod: Pod, port: number): string {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  const who = owner ? `${owner.kind}/${owner.name}` : `Pod/${pod.metadata.name}`
  return `${targetOf(pod).namespace}/${who}:${port}`
}

export function endpointOf(pod: Pod, wanted: WantedPort, local: LocalPort): RouterEndpoint {
  const host = local.address.includes(':') ? `[${local.address}]` : local.address
  return {
    ...targetOf(pod),
    container: wanted.container,
    port: wanted.port,
    localAddress: local.address,
    localPort: local.port,
    url: `${wanted.scheme}://${host}:${local.port}`,
  }
}
