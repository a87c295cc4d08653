/**
 * Upstream's `fluidos-intent-*` annotations of a workload, read as requirements.
 *
 * Never throws: annotations are written by hand and by other tools, so what cannot be read becomes a warning.
 */
import type { Requirements } from './requirements.ts'
import type { RankingWeights, WantedAmounts } from './solver.ts'

export const FLUIDOS_INTENT_PREFIX = 'fluidos-intent-'

/** An annotation with a value that means nothing, or almost of a known name. */
export interface InvalidAnnotation {
  /** Its whole key. */
  readonly annotation: string
  /** For people. */
  readonly message: string
}

/** What the annotations of one workload say. */
export interface FluidosIntents {
  readonly requirements: Requirements
  /** For people: what was not understood. */
  readonly warnings: readonly string[]
  /** The annotations whose value cannot be read: what they ask for would be missing. Absent when there are none. */
  readonly invalid?: readonly InvalidAnnotation[]
  /** The category of a service to buy as well, for example `database`. */
  readonly service?: string
  /** Amounts beyond those of the containers; `gpuMemory` beside upstream's resources. */
  readonly request?: WantedAmounts & { readonly gpuMemory?: string }
  /** What ranking should care for more than usual. */
  readonly weights?: RankingWeights
  /** Intents that no offer states anything about, by name: kept, shown, not checked. */
  readonly notes: Readonly<Record<string, string>>
}

/** What is gathered while the annotations are read. */
interface Draft {
  readonly requirements: { -readonly [K in keyof Requirements]: Requirements[K] }
  readonly properties: Record<string, unknown>
  readonly request: Record<string, string>
  readonly weights: Record<string, number>
  readonly notes: Record<string, string>
  readonly warnings: string[]
  readonly invalid: InvalidAnnotation[]
  service?: string
}

/** Reads one intent. @returns what is wrong with the value, or undefined. */
type Reader = (value: string, draft: Draft, name: string) => string | undefined

const NUMBER = /^([0-9]+(?:\.[0-9]+)?)\s*(ms|s)?$/i

const latency: Reader = (value, { requirements }) => {
  const match = NUMBER.exec(value)
  if (!match) return 'expected milliseconds, for example 100 or 100ms'
  const ms = Number(match[1]) * (match[2]?.toLowerCase() === 's' ? 1000 : 1)
  requirements.maxLatencyMs = Math.min(ms, requirements.maxLatencyMs ?? Infinity)
  return undefined
}

const words = (value: string): string[] =>
  value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')

const TRUE = new Set(['true', 'yes', '1', 'on'])
const FALSE = new Set(['false', 'no', '0', 'off'])

/** @returns a reader that calls `set` when the value is true. */
function flag(set: (draft: Draft) => void): Reader {
  return (value, draft) => {
    const lower = value.toLowerCase()
    if (TRUE.has(lower)) set(draft)
    else if (!FALSE.has(lower)) return 'expected true or false'
    return undefined
  }
}

const property =
  (key: string): Reader =>
  (value, { properties }) => {
    properties[key] = value
    return undefined
  }

const list =
  (key: string): Reader =>
  (value, { properties }) => {
    properties[key] = words(value)
    return undefined
  }

const securityFeature = (key: string): Reader =>
  flag(({ properties }) => {
    properties['security_features'] = {
      ...(properties['security_features'] as object | undefined),
      [key]: true,
    }
  })

const note: Reader = (value, { notes }, name) => {
  notes[name] = value
  return undefined
}

const QUANTITY = /^[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$/

const amount =
  (resource: string): Reader =>
  (value, { request }) => {
    if (!QUANTITY.test(value)) return 'expected a quantity, for example 2 or 4Gi'
    request[resource] = value
    return undefined
  }

const gpu: Reader = (value, { request }) => {
  if (QUANTITY.test(value)) {
    request['gpu'] = value
    return undefined
  }
  const wrong = 'expected a number of cores, or {"cores": "2", "memory": "8Gi"}'
  let json: unknown
  try {
    json = JSON.parse(value)
  } catch {
    return wrong
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return wrong
  const { cores, memory } = json as { cores?: unknown; memory?: unknown }
  const parts = { gpu: cores, gpuMemory: memory }
  for (const part of Object.values(parts)) {
    if (part !== undefined && !QUANTITY.test(String(part))) return wrong
  }
  for (const [resource, part] of Object.entries(parts))
    if (part !== undefined) request[resource] = String(part)
  return undefined
}

/** What people call the architectures that Kubernetes has other names for. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
}

const AGAINST = /^<=?\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s)?\s+(\S+)$/i

const bandwidthAgainst: Reader = (value, { properties }) => {
  const match = AGAINST.exec(value)
  if (!match) return 'expected a limit and a place, for example "<= 200ms AZURE"'
  const ms = Number(match[1]) * (match[2]?.toLowerCase() === 's' ? 1000 : 1)
  properties['bandwidth'] = {
    ...(properties['bandwidth'] as object | undefined),
    [match[3]!]: `<= ${ms}ms`,
  }
  return undefined
}

const READERS: Readonly<Record<string, Reader>> = {
  latency,
  'max-latency': latency,
  location: (value, { requirements }) => {
    requirements.location = { city: value }
    return undefined
  },
  compliance: (value, { requirements }) => {
    requirements.securityStandards = words(value)
    return undefined
  },
  architecture: (value, { requirements }) => {
    const lower = value.toLowerCase()
    requirements.architecture = Object.hasOwn(ARCHITECTURES, lower) ? ARCHITECTURES[lower]! : lower
    return undefined
  },
  'carbon-aware': flag(({ weights }) => {
    weights['carbon'] = 1
  }),
  'tee-readiness': flag(({ properties }) => {
    properties['TEE'] = true
  }),
  'vm-type': property('vm-type'),
  cpu: amount('cpu'),
  memory: amount('memory'),
  gpu,
  'bandwidth-against': bandwidthAgainst,
  sensor: list('sensors'),
  hardware: list('additional-hardware'),
  'cyber-deception': securityFeature('cyber_deception'),
  magi: securityFeature('magi'),
  'robot-status': property('robot_status'),
  service: (value, draft) => {
    draft.service = value
    return undefined
  },
  throughput: note,
  energy: note,
  battery: note,
  'robot-preferred': note,
  'max-delay': note,
  mspl: note,
}

/** Longer values are not looked at, except for MSPL, which is a whole document. */
const MAX_VALUE_LENGTH = 4096

/**
 * @param annotations the `metadata.annotations` of a workload; anything else is read as none
 */
export function readFluidosAnnotations(annotations: unknown): FluidosIntents {
  const draft: Draft = {
    ...{ requirements: {}, properties: {}, request: {}, weights: {}, notes: {} },
    ...{ warnings: [], invalid: [] },
  }
  if (typeof annotations === 'object' && annotations !== null && !Array.isArray(annotations)) {
    for (const [key, value] of Object.entries(annotations)) {
      if (key.startsWith(FLUIDOS_INTENT_PREFIX)) readOne(key, value as unknown, draft)
    }
  }
  const { requirements, properties, request, weights, notes, warnings, invalid, service } = draft
  if (Object.keys(properties).length > 0) requirements.properties = properties
  return {
    requirements,
    warnings,
    notes,
    ...(invalid.length > 0 ? { invalid } : {}),
    ...(service === undefined ? {} : { service }),
    ...(Object.keys(request).length > 0 ? { request } : {}),
    ...(Object.keys(weights).length > 0 ? { weights } : {}),
  }
}

/** @returns whether a workload has any of upstream's annotations, and so asks to be placed */
export function hasFluidosAnnotations(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return Object.keys(annotations ?? {}).some((key) => key.startsWith(FLUIDOS_INTENT_PREFIX))
}

function readOne(key: string, value: unknown, draft: Draft): void {
  const name = key.slice(FLUIDOS_INTENT_PREFIX.length)
  const shownKey = key.slice(0, 80)
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined
  if (!reader) {
    const similar = closest(name.slice(0, 40), Object.keys(READERS))
    const hint = similar === undefined ? '' : `; did you mean ${FLUIDOS_INTENT_PREFIX}${similar}?`
    draft.warnings.push(`${shownKey} is not known and has no effect${hint}`)
    // What other tools understand is none of ours; what is almost one of ours is a requirement that would be missing.
    if (similar !== undefined) draft.invalid.push({ annotation: shownKey, message: `is not known${hint}` })
    return
  }
  const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  const text = scalar ? String(value).trim() : ''
  if (text === '' || (text.length > MAX_VALUE_LENGTH && name !== 'mspl')) {
    const message = `its value is ${text === '' ? 'empty or not text' : 'too long'}`
    draft.warnings.push(`${shownKey} has no effect: ${message}`)
    draft.invalid.push({ annotation: shownKey, message })
    return
  }
  const wrong = reader(text, draft, name)
  if (wrong !== undefined) {
    const value = JSON.stringify(text.slice(0, 60))
    draft.warnings.push(`${shownKey}: ${value} has no effect: ${wrong}`)
    draft.invalid.push({ annotation: shownKey, message: `${value}: ${wrong}` })
  }
}

/** @returns the candidate that differs from `name` in at most two places (a third of it, if it is short). */
function closest(name: string, candidates: readonly string[]): string | undefined {
  const limit = Math.min(2, Math.floor(name.length / 3))
  let best: { readonly candidate: string; readonly distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate)
    if (distance <= limit && (!best || distance < best.distance)) best = { candidate, distance }
  }
  return best?.candidate
}

/** Insertions, deletions and replacements from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
