/**
 * The local ports that lead to ports of remote pods.
 *
 * A local port stays the same while its pod lives, however often that restarts, and is given again to
 * the pod that takes its place; after a restart of this program it is taken again if nobody else has it.
 */
import type { Socket } from 'node:net'
import type { Log } from '../kernel/log.ts'
import type { Pod } from '../objects/core/pod.ts'
import type { RouterEndpoint } from '../objects/virtual-router.ts'
import { FreedPorts } from './freed-ports.ts'
import { type LocalPort, LocalPortError, openLocalPort } from './local-port.ts'
import { ownerOf, podKey, targetOf } from './pod-ports.ts'
import type { PodPort } from './stream-paths.ts'
import type { WantedPort } from './wanted-ports.ts'

export interface ExposedPortsOptions {
  readonly log: Log
  readonly listenHost: string
  /** Owns each accepted connection. */
  readonly onConnection: (socket: Socket, to: PodPort) => void
}

interface Exposure {
  /** Changes when the pod is replaced by one of the same name under another contract. */
  routerKey: string
  contractID: string
  readonly owner: string
  readonly local: LocalPort
}

export class ExposedPorts {
  readonly #options: ExposedPortsOptions
  /** By pod and port. */
  readonly #exposures = new Map<string, Exposure>()
  readonly #freed = new FreedPorts()
  /** What the status said of earlier exposures when we first saw it. */
  readonly #earlier = new Map<string, number>()
  readonly #seen = new Set<string>()

  constructor(options: ExposedPortsOptions) {
    this.#options = options
  }

  /** @returns the contracts under which ports of a pod are exposed */
  contractsOf(pod: string): string[] {
    return [...this.#exposures].flatMap(([id, { contractID }]) =>
      id.startsWith(`${pod}:`) ? [contractID] : [],
    )
  }

  /**
   * What a router's status said before this program wrote it; once for each router, for our own first write may come
   * before the pods are known to be a contract's.
   */
  learn(routerKey: string, endpoints: readonly RouterEndpoint[]): void {
    if (this.#seen.has(routerKey)) return
    this.#seen.add(routerKey)
    for (const { namespace, pod, port, localPort } of endpoints) {
      this.#earlier.set(`${namespace}/${pod}:${port}`, localPort)
    }
  }

  forget(routerKey: string): void {
    this.#seen.delete(routerKey)
  }

  /**
   * @returns the local port; undefined while the pod never ran
   * @throws LocalPortError when the port that the user asked for cannot be had, or none at all
   */
  async expose(
    pod: Pod,
    wanted: WantedPort,
    { routerKey, contractID }: { readonly routerKey: string; readonly contractID: string },
  ): Promise<LocalPort | undefined> {
    const id = `${podKey(pod)}:${wanted.port}`
    const found = this.#exposures.get(id)
    if (found && (wanted.localPort === undefined || wanted.localPort === found.local.port)) {
      found.routerKey = routerKey
      found.contractID = contractID
      return found.local
    }
    if (found) await this.#conceal(id, found)
    if (pod.status?.phase !== 'Running') return undefined
    const { listenHost, log } = this.#options
    const owner = ownerOf(pod, wanted.port)
    const onConnection = (socket: Socket): void => {
      this.#options.onConnection(socket, {
        contractID: exposure.contractID,
        ...targetOf(pod),
        port: wanted.port,
      })
    }
    const local =
      wanted.localPort === undefined
        ? await this.#openAny(this.#remembered(id, owner), onConnection)
        : await openLocalPort(listenHost, wanted.localPort, onConnection)
    const exposure: Exposure = { routerKey, contractID, owner, local }
    this.#exposures.set(id, exposure)
    log.info({ pod: podKey(pod), port: wanted.port, localPort: local.port, contractID }, 'port exposed')
    return local
  }

  /** Closes the ports of a router but those of `kept`, which are named `namespace/pod:port`. */
  async concealOthers(routerKey: string, kept: ReadonlySet<string>): Promise<void> {
    for (const [id, exposure] of this.#exposures) {
      if (exposure.routerKey === routerKey && !kept.has(id)) await this.#conceal(id, exposure)
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all(Array.from(this.#exposures.values(), ({ local }) => local.close()))
    this.#exposures.clear()
  }

  /** Ports that it had before, the likeliest first. */
  #remembered(id: string, owner: string): number[] {
    const before = this.#earlier.get(id)
    this.#earlier.delete(id)
    const used = new Set(Array.from(this.#exposures.values(), ({ local }) => local.port))
    return [...(before === undefined ? [] : [before]), ...this.#freed.take(owner)].filter(
      (port) => !used.has(port),
    )
  }

  async #openAny(ports: readonly number[], onConnection: (socket: Socket) => void): Promise<LocalPort> {
    const { listenHost, log } = this.#options
    for (const port of ports) {
      try {
        return await openLocalPort(listenHost, port, onConnection)
      } catch (error) {
        if (!(error instanceof LocalPortError)) throw error
        log.debug({ port }, 'a port that was ours before is not to be had')
      }
    }
    return openLocalPort(listenHost, 0, onConnection)
  }

  async #conceal(id: string, exposure: Exposure): Promise<void> {
    this.#exposures.delete(id)
    this.#freed.give(exposure.owner, exposure.local.port)
    await exposure.local.close()
  }
}
