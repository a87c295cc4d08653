/**
 * Which local ports a pod on a virtual node should have. Pure.
 */
import type { Pod } from '../objects/core/pod.ts'

export const LOCAL_PORT_ANNOTATION = 'tributary.io/local-port'

export interface WantedPort {
  readonly container: string
  /** The port that the container declares. */
  readonly port: number
  /** The local port that the user asked for; any free one when undefined. */
  readonly localPort?: number
  readonly scheme: 'http' | 'https' | 'tcp'
}

export interface WantedPorts {
  readonly ports: readonly WantedPort[]
  /** What cannot be done as the pod says, for people. */
  readonly complaints: readonly string[]
}

const HTTP_PORTS: ReadonlySet<number> = new Set([80, 3000, 5000, 8000, 8080, 8081, 8888, 9090])
const HTTPS_PORTS: ReadonlySet<number> = new Set([443, 8443])

/** @returns one entry for each TCP port that the pod's containers declare. */
export function wantedPorts(pod: Pod): WantedPorts {
  const annotations = pod.metadata.annotations ?? {}
  const ports = new Map<number, WantedPort>()
  const complaints: string[] = []
  const who = `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`
  for (const container of pod.spec.containers) {
    for (const { containerPort: port, name, protocol } of container.ports ?? []) {
      if (protocol !== undefined && protocol !== 'TCP') {
        complaints.push(`${who}: port ${port} is ${protocol}; only TCP is carried`)
        continue
      }
      if (ports.has(port)) continue
      // The annotation without a port means the pod's first one.
      const key =
        annotations[`${LOCAL_PORT_ANNOTATION}.${port}`] !== undefined || ports.size > 0
          ? `${LOCAL_PORT_ANNOTATION}.${port}`
          : LOCAL_PORT_ANNOTATION
      const text = annotations[key]
      const localPort = text === undefined ? undefined : parsePort(text)
      if (text !== undefined && localPort === undefined) {
        complaints.push(`${who}: the annotation ${key} is ${JSON.stringify(text.slice(0, 20))}, not a port`)
        continue
      }
      ports.set(port, {
        container: container.name,
        port,
        ...(localPort !== undefined && { localPort }),
        scheme: schemeOf(port, name),
      })
    }
  }
  return { ports: [...ports.values()], complaints }
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : undefined
}

/** A name tells better than a number. */
function schemeOf(port: number, name: string | undefined): WantedPort['scheme'] {
  if (name !== undefined && /^https/.test(name)) return 'https'
  if (name !== undefined && /^(http|web)/.test(name)) return 'http'
  if (name !== undefined) return 'tcp'
  if (HTTPS_PORTS.has(port)) return 'https'
  return HTTP_PORTS.has(port) ? 'http' : 'tcp'
}
