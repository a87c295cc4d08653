/**
 * Versions and continue tokens, as the tables of this folder write them: revisions in decimal digits. Nobody else may
 * know that.
 */
import { StoreError } from '../kernel/object-store.ts'

/** @throws StoreError `Invalid` */
export function parseVersion(text: string): number {
  const version = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(version)) {
    throw new StoreError('Invalid', `${JSON.stringify(text)} is not a resource version of this store`)
  }
  return version
}

export interface ContinueToken {
  readonly revision: number
  readonly lastKey: string
}

export function encodeContinue({ revision, lastKey }: ContinueToken): string {
  return Buffer.from(JSON.stringify([revision, lastKey])).toString('base64url')
}

/** @throws StoreError `Invalid` */
export function decodeContinue(token: string): ContinueToken {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch (cause) {
    throw new StoreError('Invalid', 'the continue token is not one of this store', { cause })
  }
  if (Array.isArray(parsed) && Number.isSafeInteger(parsed[0]) && typeof parsed[1] === 'string') {
    return { revision: parsed[0] as number, lastKey: parsed[1] }
  }
  throw new StoreError('Invalid', 'the continue token is not one of this store')
}
