/** The service directory of a local network in one process: the LocalServices port over function calls. */
import type { FoundService, OpenLocalServices } from '../../src/discovery-manager/index.ts'

export interface SimulatedServices {
  /** @param host where the node is seen to be */
  opener(host: string): OpenLocalServices
  /** Publishes as somebody who is no node. */
  shout(service: FoundService): void
}

export function createSimulatedServices(): SimulatedServices {
  const published = new Set<FoundService>()
  const listeners = new Set<(service: FoundService) => void>()
  const publish = (service: FoundService): void => {
    published.add(service)
    for (const listener of listeners) listener(service)
  }
  return {
    opener(host) {
      return ({ onFound }) => {
        const own: FoundService[] = []
        return {
          publish(service) {
            const found = { ...service, addresses: [host], sender: host }
            own.push(found)
            publish(found)
          },
          browse() {
            listeners.add(onFound)
            for (const service of published) onFound(service)
          },
          close() {
            listeners.delete(onFound)
            for (const service of own) published.delete(service)
            return Promise.resolve()
          },
        }
      }
    },
    shout: publish,
  }
}
