/** What a schema cannot say of an intent. Pure; a part of `judgeIntent`, which is what others call. */
import { isObject } from '../kernel/json.ts'
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { DEFAULT_NAMESPACE, isObjectName } from '../objects/meta.ts'
import type { Requirements } from '../objects/requirements.ts'
import { QuantityError, parseQuantity } from '../quantity/index.ts'
import { parseDuration } from '../quantity/duration.ts'
import { UnreadableError } from '../quantity/unreadable.ts'

/** What may stand in an intent, with its API version. */
const WORKLOADS: ReadonlyMap<string, string> = new Map([
  ['Deployment', 'apps/v1'],
  ['Service', 'v1'],
])

interface LooseContainer {
  readonly resources?: {
    readonly requests?: Record<string, unknown>
    readonly limits?: Record<string, unknown>
  }
}

/**
 * @param intent an object that passed the schema of Intent
 * @returns what is wrong with it; empty when nothing is
 */
export function admitIntent(intent: unknown): readonly FieldCause[] {
  const { metadata, spec } = intent as {
    metadata?: { namespace?: string }
    spec: {
      workload?: readonly Record<string, unknown>[]
      workloadRef?: unknown
      duration?: string
      requirements?: Requirements
    }
  }
  const placeable = [...WORKLOADS.keys()].join(', ')
  const problems: FieldCause[] = []
  if ((spec.workload === undefined) === (spec.workloadRef === undefined)) {
    problems.push({ field: 'spec', message: 'exactly one of workload and workloadRef is needed' })
  }
  problems.push(...referenceProblems(spec.workloadRef))
  problems.push(...durationProblems(spec.duration))
  problems.push(...currencyProblems(spec.requirements))
  const workload = spec.workload ?? []
  if (spec.workload !== undefined && !workload.some(({ kind }) => kind === 'Deployment')) {
    problems.push({ field: 'spec.workload', message: 'at least one Deployment is needed' })
  }
  const names = new Set<string>()
  workload.forEach((manifest, index) => {
    const at = `spec.workload[${index}]`
    const kind = String(manifest['kind'])
    const name = String((manifest['metadata'] as { name?: unknown } | undefined)?.name ?? '')
    const version = WORKLOADS.get(kind)
    if (version === undefined)
      problems.push({
        field: `${at}.kind`,
        message: `a ${kind} cannot be placed; known are ${placeable}`,
      })
    else if (manifest['apiVersion'] !== version)
      problems.push({ field: `${at}.apiVersion`, message: `must be ${version} for a ${kind}` })
    const home = metadata?.namespace ?? DEFAULT_NAMESPACE
    const { namespace = home } = (manifest['metadata'] ?? {}) as { namespace?: unknown }
    if (namespace !== home)
      problems.push({
        field: `${at}.metadata.namespace`,
        message: `must be that of the intent (${home}), or be left out`,
      })
    if (name === '') problems.push({ field: `${at}.metadata.name`, message: 'is required' })
    else if (!isObjectName(name))
      problems.push({
        field: `${at}.metadata.name`,
        message: `${JSON.stringify(name.slice(0, 80))} is not a name: at most 253 lower-case letters, digits, "-" and "."`,
      })
    if (names.has(`${kind}/${name}`))
      problems.push({ field: `${at}.metadata.name`, message: `${kind} ${name} is there twice` })
    names.add(`${kind}/${name}`)
    if (kind === 'Deployment') problems.push(...quantityProblems(manifest, at))
  })
  return problems
}

/** Nothing is converted: no offer could be within both. */
function currencyProblems({ maxPrice, budget }: Requirements = {}): readonly FieldCause[] {
  if (maxPrice === undefined || budget === undefined || maxPrice.currency === budget.currency) return []
  const message = `must be that of maxPrice (${maxPrice.currency}): currencies are not converted`
  return [{ field: 'spec.requirements.budget.currency', message }]
}

function durationProblems(duration: string | undefined): readonly FieldCause[] {
  if (duration === undefined) return []
  const field = 'spec.duration'
  try {
    return parseDuration(duration) > 0 ? [] : [{ field, message: 'must be longer than 0' }]
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    return [{ field, message: error.message }]
  }
}

/** A reference can only be to what runs; one that lacks its kind is its schema's affair. */
function referenceProblems(ref: unknown): readonly FieldCause[] {
  if (!isObject(ref)) return []
  const { kind, apiVersion } = ref
  const problems: FieldCause[] = []
  if (kind !== undefined && kind !== 'Deployment')
    problems.push({ field: 'spec.workloadRef.kind', message: `must be Deployment, not ${String(kind)}` })
  else if (apiVersion !== undefined && apiVersion !== 'apps/v1')
    problems.push({ field: 'spec.workloadRef.apiVersion', message: 'must be apps/v1 for a Deployment' })
  return problems
}

function quantityProblems(manifest: Record<string, unknown>, at: string): readonly FieldCause[] {
  const template = (
    manifest['spec'] as { template?: { spec?: { containers?: readonly LooseContainer[] } } } | undefined
  )?.template
  const problems: FieldCause[] = []
  const containers = template?.spec?.containers
  if (!Array.isArray(containers) || containers.length === 0) {
    return [{ field: `${at}.spec.template.spec.containers`, message: 'at least one container is needed' }]
  }
  containers.forEach((container: unknown, index) => {
    // What is no container at all is told of by the schema.
    if (!isObject(container)) return
    const { resources } = container as LooseContainer
    for (const part of ['requests', 'limits'] as const) {
      for (const [resource, amount] of Object.entries(resources?.[part] ?? {})) {
        const field = `${at}.spec.template.spec.containers[${index}].resources.${part}.${resource}`
        try {
          if (parseQuantity(amount as string).nanos < 0n)
            problems.push({ field, message: 'must not be negative' })
        } catch (error) {
          if (!(error instanceof QuantityError)) throw error
          problems.push({ field, message: error.message })
        }
      }
    }
  })
  return problems
}
