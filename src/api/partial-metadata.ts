/**
 * `PartialObjectMetadata`: an object without its spec and status, for clients that need no more. Pure.
 */
import { type JsonObject, member } from '../kernel/json.ts'

/** @returns the metadata of `object`, wrapped as Kubernetes does */
export function partialMetadata(object: unknown): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: member(object, 'metadata') }
}
