/**
 * Which addresses are dialled because somebody else named them. What the operator configured is not asked about: it is
 * his word, and on one machine nodes find each other on loopback that way.
 *
 * A node that itself listens on loopback alone is reached by nobody but this machine's own users, who can dial there as
 * well as it can: it takes their word.
 */
import { isLoopback, readHostPort, type HostPort } from '../objects/host-port.ts'
import { isInternal } from '../rear/transport/index.ts'

export interface DialPolicyOptions {
  /** Where REAR listens. */
  readonly listen: HostPort
  /** host:port under which others are told to reach us. */
  readonly own: () => string
  /** Addresses of this machine. */
  readonly hosts: () => readonly string[]
}

export class DialPolicy {
  readonly #options: DialPolicyOptions

  constructor(options: DialPolicyOptions) {
    this.#options = options
  }

  /** Whether names have to be looked at again when they are resolved. */
  get guarded(): boolean {
    return !isLoopback(this.#options.listen)
  }

  /**
   * @param address host:port, as somebody says
   * @param isVouchedFor whether he is a member of a domain that we trust; other machines of his may be behind our address
   */
  mayDial(address: string, isVouchedFor: boolean): boolean {
    const { own, hosts } = this.#options
    const read = readHostPort(address)
    if (read === undefined || address === own()) return false
    if (!this.guarded) return true
    if (isInternal(read.host)) return false
    return isVouchedFor || (read.host !== readHostPort(own())?.host && !hosts().includes(read.host))
  }
}
