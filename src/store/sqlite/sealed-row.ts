/**
 * Rows of confidential objects: the whole object, annotations included, encrypted. Bound to its place and its uid, so
 * that a row moved to another place does not open. Pure but for the nonce.
 */
import { StoreError } from '../../kernel/object-store.ts'
import { isSealed, type Sealed, SealError, type Sealer } from '../../kernel/sealer.ts'
import type { KubeObject, ObjectKey } from '../../objects/meta.ts'

interface SealedRow extends Sealed {
  /** Of the object. */
  readonly uid: string
}

export function isSealedRow(row: unknown): row is SealedRow {
  return isSealed(row) && typeof (row as Partial<SealedRow>).uid === 'string'
}

/** @returns the JSON of the row */
export function sealedRow(sealer: Sealer | undefined, resource: string, object: KubeObject): string {
  if (sealer === undefined) throw new StoreError('Invalid', `${resource}: this store has no key for them`)
  const { uid } = object.metadata
  const sealed = sealer.seal(JSON.stringify(object), contextOf(resource, object.metadata, uid))
  return JSON.stringify({ ...sealed, uid })
}

/** @throws StoreError `Unavailable` */
export function openedRow(
  sealer: Sealer | undefined,
  resource: string,
  key: ObjectKey,
  row: SealedRow,
): KubeObject {
  const what = `${resource} ${key.namespace}/${key.name}`
  if (sealer === undefined)
    throw new StoreError('Unavailable', `${what} is encrypted and there is no key to open it`)
  try {
    return JSON.parse(sealer.open(row, contextOf(resource, key, row.uid))) as KubeObject
  } catch (cause) {
    if (cause instanceof SealError && cause.code === 'other-key') {
      throw new StoreError(
        'Unavailable',
        `${what} was encrypted with the key of another node (${row.key}): put back the node.key that belongs to this database`,
        { cause },
      )
    }
    throw new StoreError('Unavailable', `${what} is damaged: it is not what was encrypted`, { cause })
  }
}

function contextOf(resource: string, { namespace = '', name }: ObjectKey, uid: string): string {
  return JSON.stringify([resource, namespace, name, uid])
}
