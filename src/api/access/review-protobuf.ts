/**
 * Reads a SelfSubjectAccessReview as `kubectl auth can-i` sends it, which knows no other form: Kubernetes' protobuf. Only
 * what is asked is read; numbers are those of Kubernetes' generated.proto. Pure.
 */
import type { JsonObject } from '../../kernel/json.ts'

/** Begins every message of Kubernetes. */
const MAGIC = Buffer.from('k8s\0')
const LENGTH_DELIMITED = 2
/** Bytes of what is no text: skipped. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 }

const RESOURCE = ['namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name']
const PATH = ['path', 'verb']

/** @returns the review as JSON would have it; undefined where it is none */
export function reviewFromProtobuf(body: Buffer | undefined): JsonObject | undefined {
  if (body === undefined || !body.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  try {
    // The message stands in an envelope, its spec in it, and in that what is asked about.
    const spec = fieldsOf(fieldsOf(fieldsOf(body.subarray(MAGIC.length)).get(2)).get(2))
    const asked = (field: number, names: readonly string[]): JsonObject | undefined => {
      const bytes = spec.get(field)
      if (bytes === undefined) return undefined
      const found = fieldsOf(bytes)
      return Object.fromEntries(names.map((name, index) => [name, found.get(index + 1)?.toString() ?? '']))
    }
    const [resourceAttributes, nonResourceAttributes] = [asked(1, RESOURCE), asked(2, PATH)]
    return {
      spec: {
        ...(resourceAttributes && { resourceAttributes }),
        ...(nonResourceAttributes && { nonResourceAttributes }),
      },
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** @returns the texts and messages in a message, by number; the last of each number counts */
function fieldsOf(message: Buffer | undefined): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>()
  if (message === undefined) return fields
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = message.readUInt8(at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number that is too long')
  }
  while (at < message.length) {
    const tag = varint()
    const type = tag & 7
    if (type === LENGTH_DELIMITED) {
      const length = varint()
      if (at + length > message.length) throw new RangeError('a message that ends early')
      fields.set(tag >>> 3, message.subarray(at, at + length))
      at += length
    } else if (type === 0) varint()
    else if (FIXED[type] !== undefined) at += FIXED[type]
    else throw new RangeError('a type that there is not')
  }
  return fields
}
