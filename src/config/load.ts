/** Reads and checks `config.yaml`. Every complaint names file, line and field. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compile } from 'typebox/compile'
import { LineCounter, parseDocument } from 'yaml'
import { closest } from '../kernel/closest.ts'
import { ConfigError } from './config-error.ts'
import { effectiveConfig } from './effective.ts'
import { ConfigSchema, type Config } from './schema.ts'

const checker = Compile(ConfigSchema)

/**
 * @param directory the node's directory
 * @throws ConfigError when there is none, or when it is not as it should be
 */
export function loadConfig(directory: string): Config {
  const file = join(directory, 'config.yaml')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(
      `no node in ${directory}: cannot read ${file}. Make one with: tributary init --dir ${directory}`,
      { cause },
    )
  }
  return parseConfig(text, file)
}

/** @param file is named in complaints */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined): string =>
    offset === undefined ? file : `${file}:${lines.linePos(offset).line}`
  const broken = document.errors[0]
  if (broken) throw new ConfigError(`${at(broken.pos[0])}: not YAML: ${broken.message}`)
  const value: unknown = document.toJS()
  if (checker.Check(value)) {
    try {
      effectiveConfig(value)
      return value
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const steps = (error.field ?? '').split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step))
      const found = document.getIn(steps, true) as { range?: [number] } | undefined
      throw new ConfigError(`${at(found?.range?.[0])}: ${error.message}`, { cause: error })
    }
  }
  const errors = [...checker.Errors(value)]
  // An unknown member is reported twice; the second report says that it is unknown.
  const first = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0]
  const path = (first?.instancePath ?? '').split('/').slice(1)
  const params = (first?.params ?? {}) as {
    additionalProperties?: readonly string[]
  }
  const unknown = params.additionalProperties?.[0]
  const node = document.getIn(unknown === undefined ? path : [...path, unknown], true) as
    { range?: [number] } | undefined
  const field = [...path, ...(unknown === undefined ? [] : [unknown])].join('.') || '(top level)'
  if (unknown !== undefined) {
    const hint = closest(unknown, knownFields(path))
    throw new ConfigError(
      `${at(node?.range?.[0])}: unknown field ${field}${hint ? `; did you mean ${hint}?` : ''}`,
    )
  }
  throw new ConfigError(`${at(node?.range?.[0])}: ${field} ${ruleOf(first)}`)
}

/** @returns what is wrong, to stand behind the name of the field */
function ruleOf(error: ReturnType<typeof checker.Errors>[number] | undefined): string {
  const params = (error?.params ?? {}) as {
    readonly allowedValues?: readonly unknown[]
    readonly requiredProperties?: readonly string[]
  }
  if (params.allowedValues) return `must be one of ${params.allowedValues.join(', ')}`
  if (params.requiredProperties) return `has no ${params.requiredProperties.join(', ')}`
  return error?.message ?? 'is wrong'
}

function knownFields(path: readonly string[]): readonly string[] {
  let schema: unknown = ConfigSchema
  for (const step of path) {
    const { properties, items } = schema as { properties?: Record<string, unknown>; items?: unknown }
    schema = properties?.[step] ?? items ?? {}
  }
  return Object.keys((schema as { properties?: object }).properties ?? {})
}
