/**
 * What of a pod's spec the runners of a machine do not do, beside what none does (`unsupported-fields.ts`): for the
 * machine's own kubelet, and for a buyer who reads in an offer what runs programs there. Pure.
 */
import type { Complaint } from '../kind.ts'
import type { Container, PodSpec } from './pod-spec.ts'

/** As an offer says it among its properties, and the terms for guests. */
export interface RunnersInForce {
  /** What runs pods whose containers all name an image. */
  readonly runner: string
  /** Whether it runs their images; else it runs their commands. */
  readonly images: boolean
  /** What runs pods that are commands only; absent where nothing does. */
  readonly commands?: string
}

/**
 * @param at where the spec stands, for example `spec.template.spec`
 * @returns one complaint for each field; none where the runner is not one of ours
 */
export function unsupportedByRunner(
  spec: PodSpec,
  runners: RunnersInForce,
  at: string,
): readonly Complaint[] {
  const name = runnerOf(spec, runners)
  if (name === undefined) {
    const message =
      'Required value: here pods run as containers of an image, and programs without one do not run'
    return spec.containers.flatMap(({ image }, index) =>
      image === undefined ? [{ field: `${at}.containers[${index}].image`, message, reason: REQUIRED }] : [],
    )
  }
  if (!OURS.has(name)) return []
  const runsImages = runners.images && name === runners.runner
  const scratch = new Set(
    (spec.volumes ?? []).filter((volume) => volume.emptyDir).map((volume) => volume.name),
  )
  return [
    ...(name === 'process' ? identity(spec.securityContext, `${at}.securityContext`) : []),
    ...spec.containers.flatMap((container, index) => {
      const path = `${at}.containers[${index}]`
      return [
        ...(runsImages ? [] : needsCommand(container, `${path}.command`)),
        ...(name === 'process' ? identity(container.securityContext, `${path}.securityContext`) : []),
        ...mounts(container, name, scratch, `${path}.volumeMounts`),
      ]
    }),
  ]
}

/** @returns the name of the runner that the pod gets; undefined when there is none */
function runnerOf({ containers }: PodSpec, { runner, images, commands }: RunnersInForce): string | undefined {
  return !images || containers.every(({ image }) => image !== undefined) ? runner : commands
}

const OURS: ReadonlySet<string> = new Set(['process', 'sandbox', 'container'])
const REQUIRED = 'FieldValueRequired'
const FORBIDDEN = 'FieldValueForbidden'

function needsCommand({ image, command = [] }: Container, field: string): readonly Complaint[] {
  if (command.length > 0) return []
  const about = image === undefined ? '' : ` (image "${image}" is not pulled)`
  return [{ field, message: `Required value: this node runs commands, not images${about}`, reason: REQUIRED }]
}

/** An ordinary process has the user and the files that it is given. */
function identity(context: unknown, at: string): readonly Complaint[] {
  if (typeof context !== 'object' || context === null) return []
  const asked = context as Readonly<Record<string, unknown>>
  return ['runAsUser', 'runAsGroup', 'runAsNonRoot', 'readOnlyRootFilesystem']
    .filter((name) => asked[name] !== undefined && asked[name] !== null && asked[name] !== false)
    .map((name) => forbidden(`${at}.${name}`, 'programs run as ordinary processes here'))
}

function mounts(
  { volumeMounts = [] }: Container,
  runner: string,
  scratch: ReadonlySet<string>,
  at: string,
): readonly Complaint[] {
  return volumeMounts.flatMap(({ name, subPath }, index) => {
    if (runner === 'process') return [forbidden(`${at}[${index}]`, 'programs run as ordinary processes here')]
    // What a program can write it can make a link of, that leads elsewhere.
    return (runner === 'sandbox' || runner === 'container') && subPath && scratch.has(name)
      ? [forbidden(`${at}[${index}].subPath`, 'not of an emptyDir')]
      : []
  })
}

function forbidden(field: string, why: string): Complaint {
  return { field, message: `Forbidden: not supported: ${why}`, reason: FORBIDDEN }
}
