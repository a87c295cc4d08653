/**
 * The tokens of the control API: makes them, checks them, takes them back. Owns the table of AccessTokens.
 *
 * A token is `tributary_NAME_SECRET`. The name finds the object, which has the hash of the secret; the secret has 256
 * random bits, so that a plain hash is as good as a slow one. The store decides whether a token counts, the informer
 * tells of one that was taken back, perhaps by another process of the node.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Component } from '../../kernel/component.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../../kernel/object-store.ts'
import { randomHex, rfc3339, type System, type Timer } from '../../kernel/system.ts'
import { type AccessToken, AccessTokenKind, type AccessTokenSpec } from '../../objects/access-token.ts'
import { type AccessRole, type Caller, tokenCaller } from './caller.ts'

export interface AccessTokensOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
}

export interface NewToken {
  readonly role: AccessRole
  /** How long it is good for, in milliseconds. */
  readonly lifetimeMs: number
  readonly name?: string
  readonly purpose?: AccessTokenSpec['purpose']
}

/** What can be wrong with a request for a token. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly code: 'taken' | 'too-many'

  constructor(code: TokenError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Of those that count at one time. */
const MAX_TOKENS = 200
/** Each call of `tributary kubeconfig` makes one; the oldest goes. */
const MAX_FOR_KUBECONFIG = 5
const TOKEN = /^tributary_([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)_([0-9a-f]{64})$/

/** Of a token somebody uses just now. */
interface InUse {
  readonly abort: AbortController
  readonly expiry: Timer
}

export class AccessTokens implements Component {
  readonly #store: ObjectStore
  readonly #informer: Informer<AccessToken>
  readonly #system: System
  readonly #log: Log
  /** By the uid of its object: another token may take the name. */
  readonly #inUse = new Map<string, InUse>()
  #unsubscribe: (() => void) | undefined

  constructor({ store, informers, system, log }: AccessTokensOptions) {
    this.#store = store
    this.#informer = informers.of(AccessTokenKind)
    this.#system = system
    this.#log = log.child({ component: 'AccessTokens' })
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#informer.onChange(({ type, object }) => {
      if (type === 'deleted') this.#end(object.metadata.uid)
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    for (const uid of this.#inUse.keys()) this.#end(uid)
  }

  /**
   * @returns the token, which is told nowhere else, and its object
   * @throws TokenError
   */
  async create(wanted: NewToken): Promise<{ readonly token: string; readonly object: AccessToken }> {
    await this.#makeRoom(wanted.purpose)
    const { role, lifetimeMs, purpose } = wanted
    const { random, clock } = this.#system
    const name = wanted.name ?? `${purpose ?? 'token'}-${randomHex(random, 5)}`
    const secret = randomHex(random, 32)
    const spec: AccessTokenSpec = {
      role,
      hash: hashOf(secret).toString('hex'),
      expires: rfc3339(clock.now() + lifetimeMs),
      ...(purpose === undefined ? {} : { purpose }),
    }
    try {
      const object = await this.#store.create(AccessTokenKind, { metadata: { name }, spec })
      this.#log.info({ name, role, expires: spec.expires }, 'a token was made')
      return { token: `tributary_${name}_${secret}`, object }
    } catch (error) {
      if (!isStoreError(error, 'AlreadyExists')) throw error
      throw new TokenError('taken', `there is a token ${name} already; revoke it, or take another name`, {
        cause: error,
      })
    }
  }

  /** @returns those that count, the oldest first */
  async list(): Promise<readonly AccessToken[]> {
    const { items } = await this.#store.list(AccessTokenKind)
    const now = this.#system.clock.now()
    return items
      .filter((token) => expiryOf(token) > now)
      .toSorted((a, b) => ageOrder(a).localeCompare(ageOrder(b)))
  }

  /** Ends what is being answered to its bearer, too. @returns whether there was one of this name */
  async revoke(name: string): Promise<boolean> {
    try {
      const { metadata } = await this.#store.delete(AccessTokenKind, { name })
      this.#end(metadata.uid)
      this.#log.info({ name }, 'a token was revoked')
      return true
    } catch (error) {
      if (isStoreError(error, 'NotFound')) return false
      throw error
    }
  }

  /** @returns who bears the token; undefined when it does not count */
  async authenticate(token: string): Promise<Caller | undefined> {
    const [, name, secret] = TOKEN.exec(token) ?? []
    if (name === undefined || secret === undefined) return undefined
    const object = await this.#store.get(AccessTokenKind, { name })
    // Compared with something in any case: how long it takes tells nothing of which names there are.
    const expected = Buffer.from(object?.spec.hash ?? '0'.repeat(64), 'hex')
    const given = hashOf(secret)
    const isRight = expected.length === given.length && timingSafeEqual(expected, given)
    if (!isRight || object === undefined) return undefined
    const leftMs = expiryOf(object) - this.#system.clock.now()
    if (!(leftMs > 0)) return undefined
    const { uid } = object.metadata
    const isNew = !this.#inUse.has(uid)
    const signal = this.#signalOf(object, leftMs)
    // It may have been taken back between the look and the signal, which would then never abort.
    if (isNew && (await this.#store.get(AccessTokenKind, { name }))?.metadata.uid !== uid) {
      this.#end(uid)
      return undefined
    }
    return tokenCaller(name, object.spec.role, signal)
  }

  #signalOf({ metadata: { uid } }: AccessToken, leftMs: number): AbortSignal {
    let found = this.#inUse.get(uid)
    if (found === undefined) {
      const expiry = this.#system.clock.after(leftMs, () => this.#end(uid))
      found = { abort: new AbortController(), expiry }
      this.#inUse.set(uid, found)
    }
    return found.abort.signal
  }

  #end(uid: string): void {
    const found = this.#inUse.get(uid)
    this.#inUse.delete(uid)
    found?.expiry.cancel()
    found?.abort.abort(new Error('the token does not count any more'))
  }

  /** Forgets those that have expired, and the oldest kubeconfig where there are enough. */
  async #makeRoom(purpose: AccessTokenSpec['purpose']): Promise<void> {
    const { items } = await this.#store.list(AccessTokenKind)
    const now = this.#system.clock.now()
    const [expired, live] = [
      items.filter((token) => !(expiryOf(token) > now)),
      items.filter((token) => expiryOf(token) > now),
    ]
    const same = live
      .filter(({ spec }) => purpose !== undefined && spec.purpose === purpose)
      .toSorted((a, b) => ageOrder(a).localeCompare(ageOrder(b)))
    const surplus = same.slice(0, Math.max(0, same.length + 1 - MAX_FOR_KUBECONFIG))
    for (const { metadata } of [...expired, ...surplus]) await this.revoke(metadata.name)
    if (live.length - surplus.length < MAX_TOKENS) return
    throw new TokenError(
      'too-many',
      `there are ${MAX_TOKENS} tokens; revoke some with: tributary token revoke`,
    )
  }
}

function expiryOf({ spec }: AccessToken): number {
  return Date.parse(spec.expires)
}

/** As text that sorts by age; the name tells those of one second apart. */
function ageOrder({ metadata }: AccessToken): string {
  return `${metadata.creationTimestamp} ${metadata.name}`
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
