/**
 * Lists, then watches: every change of a collection, over cut connections and dropped history.
 */
import { sleep } from '../kernel/system.ts'
import { CliError } from './cli-error.ts'
import type { Context } from './context.ts'
import { ApiStatusError, type ControlClient } from './control-client.ts'

export interface WatchedObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
    readonly creationTimestamp: string
    readonly deletionTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly finalizers?: readonly string[]
    readonly ownerReferences?: readonly {
      readonly kind: string
      readonly name: string
      readonly uid: string
    }[]
  }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** In the form that was asked for. */
  readonly object: unknown
}

export type Change =
  | ObjectChange
  /** All that was there has been told; what follows are changes. */
  | { readonly type: 'SYNCED' }
  /** Changes were missed: forget everything, it is told anew. */
  | { readonly type: 'RESTARTED' }

/** Between two attempts after the server ended the watch. */
const RETRY_MS = 250

interface WatchEvent {
  readonly type: string
  readonly object: { readonly metadata?: { readonly resourceVersion?: unknown } } | undefined
}

/**
 * What is there (as `ADDED`), then `SYNCED`, then every change.
 *
 * @param query selectors
 * @param accept the form of the objects; with a table each `object` is a Table of one row
 * @throws CliError when the server cannot be reached any more; ends when the signal aborts
 */
export async function* watchObjects(
  context: Pick<Context, 'system'>,
  client: ControlClient,
  path: string,
  {
    signal,
    query = {},
    accept = 'application/json',
  }: {
    readonly signal: AbortSignal
    readonly query?: Readonly<Record<string, string | undefined>>
    readonly accept?: string
  },
): AsyncGenerator<Change> {
  let synced = false
  let version = ''
  while (!signal.aborted) {
    try {
      if (version === '') {
        // A watch that begins with all there is, and says where that ends.
        const start = { ...query, watch: 1, sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
        for await (const event of client.lines<WatchEvent>(path, {
          query: { ...start, allowWatchBookmarks: 'true' },
          accept,
          signal,
        })) {
          const change = understand(event)
          version = versionOf(event.object) ?? version
          if (change) yield change
          else if (!synced) {
            synced = true
            yield { type: 'SYNCED' }
          }
        }
      } else {
        const resume = { ...query, watch: 1, allowWatchBookmarks: 'true', resourceVersion: version }
        for await (const event of client.lines<WatchEvent>(path, { query: resume, accept, signal })) {
          const change = understand(event)
          version = versionOf(event.object) ?? version
          if (change) yield change
        }
      }
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ApiStatusError) || error.code !== 410) throw error
      version = ''
      synced = false
      yield { type: 'RESTARTED' }
    }
    if (signal.aborted) return
    await sleep(context.system.clock, RETRY_MS, signal).catch(() => undefined)
  }
}

/** @returns undefined for a bookmark @throws ApiStatusError for an error event */
function understand({ type, object }: WatchEvent): ObjectChange | undefined {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object }
    case 'ERROR': {
      const { code, reason, message } = object as { code?: number; reason?: string; message?: string }
      throw new ApiStatusError(code ?? 500, reason ?? '', message ?? 'the watch failed')
    }
    default:
      return undefined
  }
}

function versionOf(object: WatchEvent['object']): string | undefined {
  const version = object?.metadata?.resourceVersion
  return typeof version === 'string' && version !== '' ? version : undefined
}

/**
 * @param ready says of the object (undefined: it is not there) whether the wait is over; throws to give up
 * @returns what `ready` was content with
 * @throws CliError when `timeoutMs` are over; the text of `waitingFor` completes "timed out waiting for"
 */
export async function waitForObject<T>(
  context: Pick<Context, 'system' | 'signal'>,
  client: ControlClient,
  options: {
    readonly collection: string
    readonly name: string
    readonly timeoutMs: number
    readonly waitingFor: () => string
    readonly ready: (object: WatchedObject | undefined) => T | undefined
  },
): Promise<T> {
  const { collection, name, timeoutMs, waitingFor, ready } = options
  const ending = new AbortController()
  const timer = context.system.clock.after(timeoutMs, () => ending.abort())
  const signal = AbortSignal.any([ending.signal, context.signal])
  try {
    let seen: WatchedObject | undefined
    let synced = false
    for await (const change of watchObjects(context, client, collection, {
      signal,
      query: { fieldSelector: `metadata.name=${name}` },
    })) {
      switch (change.type) {
        case 'SYNCED':
          synced = true
          break
        case 'RESTARTED':
          synced = false
          seen = undefined
          break
        default:
          seen = change.type === 'DELETED' ? undefined : (change.object as WatchedObject)
      }
      if (!synced) continue
      const result = ready(seen)
      if (result !== undefined) return result
    }
    context.signal.throwIfAborted()
    throw new CliError(`timed out waiting for ${waitingFor()}`)
  } finally {
    timer.cancel()
    ending.abort()
  }
}
