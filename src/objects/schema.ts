/**
 * Small helpers to write the schema of a kind: open objects, closed objects, enumerations.
 *
 * Pure. For the files of `objects/` and for whoever declares a schema beside them.
 */
import Type, {
  type TObject,
  type TProperties,
  type TSchema,
  type TSchemaOptions,
  type TUnsafe,
} from 'typebox'
import { MetadataSchema } from './meta.ts'

/** An object whose unknown members are somebody else's and survive. */
export function open<P extends TProperties>(properties: P, options: TSchemaOptions = {}): TObject<P> {
  return Type.Object(properties, { 'x-kubernetes-preserve-unknown-fields': true, ...options })
}

/** An object that refuses unknown members: for what users write by hand, where they are typing errors. */
export function closed<P extends TProperties>(properties: P, options: TSchemaOptions = {}): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/** Any JSON object; `T` is what code may expect of it. */
export function anyObject<T = Readonly<Record<string, unknown>>>(options: TSchemaOptions = {}): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...options })
}

/** Any JSON value. */
export function anyValue(options: TSchemaOptions = {}): TUnsafe<unknown> {
  return Type.Unsafe<unknown>({ 'x-kubernetes-preserve-unknown-fields': true, ...options })
}

/** One of the given strings; an `enum`, which CRDs can hold (a union of literals they cannot). */
export function oneOf<const V extends readonly string[]>(
  values: V,
  options: TSchemaOptions = {},
): TUnsafe<V[number]> {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options })
}

/**
 * @param spec schema of `spec`
 * @param status schema of `status`, which is always optional: a new object has none
 * @returns the schema of a whole object
 */
export function objectSchema(
  names: { readonly apiVersion: string; readonly kind: string },
  spec: TSchema,
  status: TSchema,
  description: string,
): TSchema {
  return Type.Object(
    {
      apiVersion: Type.Optional(oneOf([names.apiVersion])),
      kind: Type.Optional(oneOf([names.kind])),
      metadata: MetadataSchema,
      spec,
      status: Type.Optional(status),
    },
    { description },
  )
}

/** The form of a duration: `30s`, `5m`, `24h`, `7d`. */
export const DURATION_PATTERN = '^[0-9]{1,10}(s|m|h|d)$'

// The forms that the parsers in `quantity/` read; a test beside them holds the two together.
/** An amount of money. */
export const AMOUNT_PATTERN = '^[0-9]{1,18}(\\.[0-9]{1,9})?$'
export const CURRENCY_PATTERN = '^[A-Z]{3}$'
/** The words for a billing period, in any case. */
export const PERIOD_PATTERN =
  '^([Ss][Ee][Cc][Oo][Nn][Dd]|[Mm][Ii][Nn][Uu][Tt][Ee]|[Hh][Oo][Uu][Rr]([Ll][Yy])?|[Dd][Aa][Yy]|[Dd][Aa][Ii][Ll][Yy]|[Ww][Ee][Ee][Kk]([Ll][Yy])?|[Mm][Oo][Nn][Tt][Hh]([Ll][Yy])?|[Yy][Ee][Aa][Rr]([Ll][Yy])?)$'
/** An RFC 3339 time. */
export const TIME_PATTERN =
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$'

/** @returns the pattern of what may be left empty */
export const orEmpty = (pattern: string): string => `^(${pattern.slice(1, -1)})?$`

/** Kubernetes' own pattern, but for the minus sign: nobody can use less than nothing. */
export const QUANTITY_PATTERN =
  '^\\+?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$'
