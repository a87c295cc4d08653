/**
 * What request handlers are given, and what they return; knows nothing of HTTP servers.
 */
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { Turns } from '../kernel/turns.ts'
import type { KindDefinition } from '../objects/kind.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { Caller } from './access/caller.ts'
import type { Resources } from './resources.ts'

/**
 * Validates an object, and fills in what it lacks, before it is stored.
 * @returns the object to store
 * @throws InvalidObject naming the wrong fields
 */
export type Admit = (
  kind: KindDefinition,
  object: unknown,
  operation: 'CREATE' | 'UPDATE',
) => Promise<unknown> | unknown

export interface PodLogOptions {
  readonly container?: string
  /** Go on with what is written from now on, until the signal aborts. */
  readonly follow: boolean
  /** Begin so many lines before the end. */
  readonly tailLines?: number
  readonly signal: AbortSignal
}

/** Pieces of a pod's output as it was written. */
export type PodLogs = (key: ObjectKey, options: PodLogOptions) => AsyncIterable<string>

export interface ApiContext {
  readonly store: ObjectStore
  readonly resources: Resources
  readonly system: System
  readonly log: Log
  readonly admit: Admit | undefined
  readonly podLogs: PodLogs | undefined
  /** Asked before each piece of long work. */
  readonly turns: Turns
  /** How large an object may become by being patched. */
  readonly maxBodyBytes: number
}

export interface ApiRequest {
  readonly method: string
  readonly query: URLSearchParams
  readonly accept: string | undefined
  readonly contentType: string | undefined
  readonly body: Buffer | undefined
  readonly caller: Caller
  /** Aborts when the client is gone, may ask no longer, or the server stops. */
  readonly signal: AbortSignal
}

export interface ApiResponse {
  readonly status: number
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body: string | Buffer | AsyncIterable<string | Buffer>
}

/** @returns a JSON answer */
export function jsonResponse(value: unknown, status = 200): ApiResponse {
  return { status, contentType: 'application/json', body: JSON.stringify(value) }
}

/** @returns whether a query parameter is switched on, as Kubernetes reads booleans */
export function isOn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value !== null && !['0', 'false', 'False', 'f', 'F', 'FALSE'].includes(value)
}
