/**
 * The paths of the Network Manager's streams and requests, out of their parts and back into them. Pure.
 */

/** A port of a pod that runs under a contract. */
export interface PodPort {
  readonly contractID: string
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/** What a stream is for, read from its path. */
export type StreamPurpose =
  | ({ readonly type: 'pod' } & PodPort)
  | { readonly type: 'echo'; readonly contractID: string }
  | { readonly type: 'relay'; readonly contractID: string }

const CONTRACTS = '/api/v2/contracts/'
const RELAY = '/api/v2/relay/'

/** @returns the path of a stream to a pod's port. */
export function podStreamPath({ contractID, namespace, pod, port }: PodPort): string {
  return `${CONTRACTS}${encodeURIComponent(contractID)}/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}/ports/${port}`
}

/** @returns the path of a stream that gives back what it is given: the probe of the data path. */
export function echoPath(contractID: string): string {
  return `${CONTRACTS}${encodeURIComponent(contractID)}/echo`
}

/** @returns the path of the request that asks whether the other side still knows the contract. */
export function pingPath(contractID: string): string {
  return `${CONTRACTS}${encodeURIComponent(contractID)}/ping`
}

/** @returns the path of a stream that a relay passes on. */
export function relayPath(contractID: string): string {
  return `${RELAY}${encodeURIComponent(contractID)}`
}

const POD = /^\/api\/v2\/contracts\/([^/]+)\/pods\/([^/]+)\/([^/]+)\/ports\/(\d{1,5})$/
const ECHO = /^\/api\/v2\/contracts\/([^/]+)\/echo$/
const RELAYED = /^\/api\/v2\/relay\/([^/]+)$/

/** @returns what the stream is for, or undefined when it is none of the Network Manager's. */
export function purposeOf(path: string): StreamPurpose | undefined {
  const bare = path.split('?', 1)[0]!
  try {
    const pod = POD.exec(bare)
    if (pod) {
      const port = Number(pod[4])
      if (port < 1 || port > 65_535) return undefined
      return {
        type: 'pod',
        contractID: decodeURIComponent(pod[1]!),
        namespace: decodeURIComponent(pod[2]!),
        pod: decodeURIComponent(pod[3]!),
        port,
      }
    }
    const echo = ECHO.exec(bare)
    if (echo) return { type: 'echo', contractID: decodeURIComponent(echo[1]!) }
    const relay = RELAYED.exec(bare)
    if (relay) return { type: 'relay', contractID: decodeURIComponent(relay[1]!) }
  } catch {
    // Not percent-encoded as it should be: nobody's path.
  }
  return undefined
}

/**
 * @param contractID what the receiver calls the contract
 * @returns `path` with the contract's id replaced; undefined when it is no path below a contract
 */
export function underContract(path: string, contractID: string): string | undefined {
  const found = /^\/api\/v2\/contracts\/[^/?]+(\/[^?]*)?(\?.*)?$/.exec(path)
  if (!found) return undefined
  return `${CONTRACTS}${encodeURIComponent(contractID)}${found[1] ?? ''}${found[2] ?? ''}`
}
