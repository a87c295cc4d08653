/**
 * Building blocks of message schemas: members with the codec's extra keywords. See `codec.ts`.
 */
import Type, {
  type TObject,
  type TProperties,
  type TSchema,
  type TSchemaOptions,
  type TUnsafe,
} from 'typebox'

/** An object whose unknown members survive. `title` names the OpenAPI component. */
export function message<P extends TProperties>(properties: P, options: TSchemaOptions = {}): TObject<P> {
  return Type.Object(properties, options)
}

/** A text that is left out when it is empty. */
export const omittedText = (options: TSchemaOptions = {}) =>
  Type.Optional(Type.String({ 'x-omit-empty': true, ...options }))

/** A text that upstream always writes; empty when the other side left it out. */
export const plainText = (options: TSchemaOptions = {}) => Type.String({ default: '', ...options })

/** A Kubernetes quantity as text. */
export const quantity = (options: TSchemaOptions = {}) =>
  Type.Unsafe<string>({
    type: 'string',
    'x-quantity': true,
    description: 'A Kubernetes quantity.',
    ...options,
  })

/** A quantity that is echoed as it was sent: text, number or null. */
export const verbatimQuantity = (options: TSchemaOptions = {}) =>
  Type.Unsafe<string | number | null>({
    type: ['string', 'number', 'null'],
    'x-quantity': true,
    'x-verbatim': true,
    description: 'A Kubernetes quantity, echoed as it was sent.',
    ...options,
  })

/** An id: printable ASCII without white space. */
export const id = (options: TSchemaOptions = {}) => Type.String({ pattern: '^[!-~]{1,253}$', ...options })

/** An RFC 3339 time. */
export const time = (options: TSchemaOptions = {}) =>
  Type.String({ format: 'date-time', 'x-time': true, ...options })

/** Any JSON object; `T` is what code may expect of it. */
export const anyObject = <T = Readonly<Record<string, unknown>>>(options: TSchemaOptions = {}): TUnsafe<T> =>
  Type.Unsafe<T>({ type: 'object', ...options })

/** Any JSON value. */
export const anyValue = (options: TSchemaOptions = {}): TUnsafe<unknown> =>
  Type.Unsafe<unknown>({ ...options })

/** A value or null; null is kept and written. */
export const orNull = <T>(schema: TSchema, options: TSchemaOptions = {}): TUnsafe<T | null> =>
  Type.Unsafe<T | null>({ anyOf: [schema, { type: 'null' }], ...options })

/** One of the given texts, read in any case. */
export const oneOf = <const V extends readonly string[]>(values: V, options: TSchemaOptions = {}) =>
  Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options })
