/**
 * Validation of an object against the schema of its kind, with Kubernetes' wording.
 */
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { KindDefinition } from '../../objects/kind.ts'
import { parseQuantity, QuantityError } from '../../quantity/index.ts'
import {
  AMOUNT_PATTERN,
  CURRENCY_PATTERN,
  DURATION_PATTERN,
  orEmpty,
  PERIOD_PATTERN,
  QUANTITY_PATTERN,
  TIME_PATTERN,
} from '../../objects/schema.ts'
import type { FieldCause } from './field-cause.ts'
import { isObject, type JsonObject, member } from '../json.ts'

type Validator = ReturnType<typeof Compile>
const validators = new WeakMap<object, Validator>()

/** @returns what is wrong with `object` by the kind's schema; empty if nothing is */
export function schemaCauses(kind: KindDefinition, object: JsonObject): readonly FieldCause[] {
  let validator = validators.get(kind.schema)
  if (!validator) {
    validator = Compile(kind.schema)
    validators.set(kind.schema, validator)
  }
  if (validator.Check(object)) return []
  return summarize(allErrors(validator, object), object)
}

/** Enough to tell every mistake in an object, few enough for a garbage object with a million of them. */
const MAX_ERRORS = 200

function allErrors(validator: Validator, object: JsonObject): readonly SchemaError[] {
  // The limit is a global of the library, and low; nothing runs between the two changes.
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: MAX_ERRORS })
  try {
    return validator.Errors(object) as readonly SchemaError[]
  } finally {
    Settings.Set({ maxErrors })
  }
}

/** How many wrong fields one answer names. */
const MAX_CAUSES = 50

interface SchemaError {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message: string
}

/** One cause per field: of the errors of each branch of an alternative only what tells the user something. */
function summarize(errors: readonly SchemaError[], object: JsonObject): readonly FieldCause[] {
  const alternatives = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
  const causes = new Map<string, FieldCause>()
  const add = (cause: FieldCause): void => {
    if (!causes.has(cause.field)) causes.set(cause.field, cause)
  }
  const isInside = (error: SchemaError): boolean =>
    alternatives.some((each) => error !== each && error.schemaPath.startsWith(`${each.schemaPath}/`)) ||
    error.schemaPath.includes('/anyOf/')
  for (const error of errors) if (!isInside(error)) causesOf(error, errors, object).forEach(add)
  // The library stops after so many errors, perhaps before the one that closes an alternative.
  if (causes.size === 0) for (const error of errors) causesOf(error, errors, object).forEach(add)
  return [...causes.values()].slice(0, MAX_CAUSES)
}

function causesOf(
  error: SchemaError,
  all: readonly SchemaError[],
  object: JsonObject,
): readonly FieldCause[] {
  const pointer = error.instancePath
  const field = fieldOf(pointer)
  const value = valueAtPointer(object, pointer)
  switch (error.keyword) {
    case 'required': {
      const missing = (error.params['requiredProperties'] as string[] | undefined) ?? []
      return missing.map((name) => ({
        field: field === '' ? name : `${field}.${name}`,
        message: 'Required value',
        reason: 'FieldValueRequired',
      }))
    }
    case 'additionalProperties': {
      const names = (error.params['additionalProperties'] as string[] | undefined) ?? ['?']
      return names.map((name) => ({
        field: field === '' ? name : `${field}.${name}`,
        message: 'Forbidden: unknown field',
      }))
    }
    case 'const':
      return [unsupported(field, value, [error.params['allowedValue']])]
    case 'enum':
      return [unsupported(field, value, (error.params['allowedValues'] as unknown[] | undefined) ?? [])]
    case 'anyOf':
    case 'oneOf': {
      const inside = all.filter((each) => each.schemaPath.startsWith(`${error.schemaPath}/`))
      const here = inside.filter((each) => each.instancePath === pointer)
      if (here.length > 0 && here.every(({ keyword }) => keyword === 'const')) {
        return [
          unsupported(
            field,
            value,
            here.map(({ params }) => params['allowedValue']),
          ),
        ]
      }
      // Deeper than the alternative itself: the value is of the right sort, and wrong in some member.
      const deeper = inside.filter((each) => !here.includes(each) || each.keyword === 'required')
      if (deeper.length > 0 && isObject(value)) {
        const branches = branchesOf(error.schemaPath, deeper)
        const discriminator = wrongDiscriminator(branches, object)
        if (discriminator) return [discriminator]
        return closestBranch(branches).flatMap((each) => causesOf(each, all, object))
      }
      // It has the type that one of the alternatives wants: that is the one that was meant.
      const meant = here.find(({ keyword }) => keyword !== 'type')
      if (meant) return causesOf(meant, all, object)
      const types = [...new Set(here.map(({ message }) => message.replace(/^must be /, '')))]
      return [wrong(field, value, types.length > 0 ? `must be ${types.join(' or ')}` : error.message)]
    }
    // What stands where nothing may: the error of the object that it stands in says it, too.
    case 'boolean':
      return [{ field, message: 'Forbidden: unknown field' }]
    default:
      return [wrong(field, value, ruleOf(error, value))]
  }
}

/** What a pattern means, for people. */
const RULES: ReadonlyMap<string, string> = new Map(
  [
    [DURATION_PATTERN, 'must be a duration such as 30s, 5m, 24h'],
    [AMOUNT_PATTERN, 'must be a decimal number such as 0.05, with at most 9 decimals'],
    [CURRENCY_PATTERN, 'must be three capital letters such as EUR'],
    [PERIOD_PATTERN, 'must be second, minute, hour, day, week, month or year'],
    [TIME_PATTERN, 'must be an RFC 3339 time such as 2027-01-31T12:00:00Z'],
  ].flatMap(([pattern, rule]): [string, string][] => [
    [pattern!, rule!],
    [orEmpty(pattern!), rule!],
  ]),
)

/** @returns the rule that was broken, for people */
function ruleOf({ keyword, params, message }: SchemaError, value: unknown): string {
  if (keyword === 'pattern' && params['pattern'] === QUANTITY_PATTERN) return quantityRule(String(value))
  if (keyword === 'pattern') {
    const rule = RULES.get(String(params['pattern']))
    if (rule !== undefined) return rule
  }
  const isOfOne = params['limit'] === 1 && (keyword === 'minLength' || keyword === 'minItems')
  return isOfOne ? 'must not be empty' : message
}

/** Its parser knows better than the pattern what is wrong. */
function quantityRule(text: string): string {
  try {
    parseQuantity(text)
    return 'must not be negative'
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error
    return error.message.replace(/^".*?" (?=is )/s, '')
  }
}

/** The errors of each alternative of the `anyOf` at `prefix`. */
function branchesOf(prefix: string, errors: readonly SchemaError[]): readonly (readonly SchemaError[])[] {
  const branchOf = ({ schemaPath }: SchemaError): string =>
    schemaPath.slice(prefix.length).split('/')[2] ?? ''
  return [...Map.groupBy(errors, branchOf).values()]
}

/** The literal (a `type`, say) that is wrong in every branch, so that none of them was meant. */
function wrongDiscriminator(
  branches: readonly (readonly SchemaError[])[],
  object: JsonObject,
): FieldCause | undefined {
  const literals = branches.map((branch) => branch.filter(({ keyword }) => keyword === 'const'))
  const pointer = literals[0]?.find(({ instancePath }) =>
    literals.every((branch) => branch.some((each) => each.instancePath === instancePath)),
  )?.instancePath
  if (pointer === undefined || branches.length < 2) return undefined
  const allowed = literals.flat().filter(({ instancePath }) => instancePath === pointer)
  const value = valueAtPointer(object, pointer)
  return unsupported(fieldOf(pointer), value, [
    ...new Set(allowed.map(({ params }) => params['allowedValue'])),
  ])
}

/** The branch with the fewest errors; a wrong literal says that the branch was not meant. */
function closestBranch(branches: readonly (readonly SchemaError[])[]): readonly SchemaError[] {
  const badness = (branch: readonly SchemaError[]): number =>
    branch.length + 100 * branch.filter(({ keyword }) => keyword === 'const').length
  return branches.toSorted((a, b) => badness(a) - badness(b))[0] ?? []
}

/** @returns the cause for a value that breaks `message`, a rule */
export function wrong(field: string, value: unknown, message: string): FieldCause {
  return { field, message: `Invalid value: ${shown(value)}: ${message}`, reason: 'FieldValueInvalid' }
}

function unsupported(field: string, value: unknown, allowed: readonly unknown[]): FieldCause {
  const list = allowed.map(shown).join(', ')
  return {
    field,
    message: `Unsupported value: ${shown(value)}: supported values: ${list}`,
    reason: 'FieldValueNotSupported',
  }
}

function shown(value: unknown): string {
  const text = value === undefined ? 'null' : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** `/spec/parts/0/name` → `spec.parts[0].name` */
function fieldOf(pointer: string): string {
  return segmentsOf(pointer).reduce(
    (path, segment) =>
      /^\d+$/.test(segment) ? `${path}[${segment}]` : path === '' ? segment : `${path}.${segment}`,
    '',
  )
}

function valueAtPointer(object: unknown, pointer: string): unknown {
  let value = object
  for (const segment of segmentsOf(pointer)) {
    value = Array.isArray(value) ? (value as unknown[])[Number(segment)] : member(value, segment)
  }
  return value
}

function segmentsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}
