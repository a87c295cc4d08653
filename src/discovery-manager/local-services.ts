/** The port to the service directory of the local network (DNS-SD). The real one is `bonjour-services.ts`. */

export interface LocalService {
  /** Unique on the network. */
  readonly name: string
  readonly port: number
  readonly txt: Readonly<Record<string, string>>
}

/** As others publish it; nothing of it is proved, nor well formed. */
export interface FoundService {
  readonly name: string
  readonly port: unknown
  readonly txt: Readonly<Record<string, unknown>>
  /** IP addresses that it claims. */
  readonly addresses: readonly string[]
  /** Where the answer came from. */
  readonly sender: string | undefined
}

export interface LocalServices {
  publish(service: LocalService): void
  /** Asks who is there; everybody who answers is told of, whether it was before or not. */
  browse(): void
  /** Says goodbye. Idempotent. */
  close(): Promise<void>
}

/**
 * @param handlers.onFound may be called any number of times for the same service
 * @param handlers.onError nothing more is to be expected of it: close it, open another
 */
export type OpenLocalServices = (handlers: {
  readonly onFound: (service: FoundService) => void
  readonly onError: (error: Error) => void
}) => LocalServices
