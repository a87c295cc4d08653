/** What a schema cannot say of an intent. Called before it is stored, with the error going back to the user. */
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { QuantityError, parseQuantity } from '../quantity/index.ts'

/** One thing that is wrong, at a field. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** What may stand in an intent, with its API version. */
const WORKLOADS: ReadonlyMap<string, string> = new Map([
  ['Deployment', 'apps/v1'],
  ['Service', 'v1'],
])

interface LooseContainer {
  readonly name?: unknown
  readonly resources?: {
    readonly requests?: Record<string, unknown>
    readonly limits?: Record<string, unknown>
  }
}

/**
 * @param intent an object that passed the schema of Intent
 * @returns what is wrong with it; empty when nothing is
 */
export function admitIntent(intent: unknown): readonly FieldProblem[] {
  const { metadata, spec } = intent as {
    metadata?: { namespace?: string }
    spec: { workload?: readonly Record<string, unknown>[]; workloadRef?: unknown }
  }
  const problems: FieldProblem[] = []
  if ((spec.workload === undefined) === (spec.workloadRef === undefined)) {
    problems.push({ field: 'spec', message: 'exactly one of workload and workloadRef is needed' })
  }
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
        message: `a ${kind} cannot be placed; known are ${[...WORKLOADS.keys()].join(', ')}`,
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
    if (names.has(`${kind}/${name}`))
      problems.push({ field: `${at}.metadata.name`, message: `${kind} ${name} is there twice` })
    names.add(`${kind}/${name}`)
    if (kind === 'Deployment') problems.push(...quantityProblems(manifest, at))
  })
  return problems
}

function quantityProblems(manifest: Record<string, unknown>, at: string): readonly FieldProblem[] {
  const template = (
    manifest['spec'] as { template?: { spec?: { containers?: readonly LooseContainer[] } } } | undefined
  )?.template
  const problems: FieldProblem[] = []
  const containers = template?.spec?.containers
  if (!Array.isArray(containers) || containers.length === 0) {
    return [{ field: `${at}.spec.template.spec.containers`, message: 'at least one container is needed' }]
  }
  ;(containers as readonly LooseContainer[]).forEach((container, index) => {
    for (const part of ['requests', 'limits'] as const) {
      for (const [resource, amount] of Object.entries(container.resources?.[part] ?? {})) {
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
