/** Whether a service can be set up as a buyer wants it: by what its flavor says of hosting and configuration. Pure. */
import Schema from 'typebox/schema'
import { Problem } from '../rear/problem.ts'
import type { WireConfiguration, WireService } from '../rear/wire/index.ts'

type WireServiceConfiguration = Extract<WireConfiguration, { type: 'service' }>['data']

/** No template needs more, and checking takes time. */
const MOST_CHARACTERS = 64 * 1024
const MOST_ERRORS = 10

/**
 * @param sent what the buyer asks for; undefined for the service as it is offered first
 * @returns what is agreed: as it was sent, or with the first of the hosting policies where nothing was sent
 * @throws Problem `wrong-configuration` with the fields that are wrong
 */
export function serviceConfiguration(
  sent: WireConfiguration | undefined,
  { hostingPolicies, configurationTemplate }: WireService,
): WireConfiguration {
  if (sent !== undefined && sent.type !== 'service')
    throw new Problem(
      'wrong-configuration',
      `the flavor is a service, the configuration is for a ${sent.type}`,
      errorsOf([{ path: '$.configuration.type', message: 'must be service' }]),
    )
  const [first] = hostingPolicies ?? []
  const data: WireServiceConfiguration = sent?.data ?? (first === undefined ? {} : { hostingPolicy: first })
  const errors = [
    ...hostingErrors(data, hostingPolicies ?? []),
    ...templateErrors(data, configurationTemplate),
  ]
  const [wrong] = errors
  if (wrong) throw new Problem('wrong-configuration', `${wrong.path}: ${wrong.message}`, errorsOf(errors))
  return { type: 'service', data }
}

interface FieldError {
  readonly path: string
  readonly message: string
}

const errorsOf = (errors: readonly FieldError[]) => ({ extensions: { errors } })

function hostingErrors(
  { hostingPolicy = '' }: WireServiceConfiguration,
  offered: readonly string[],
): readonly FieldError[] {
  // Upstream's buyers leave it empty; where there is no choice there is nothing to say.
  const isChoice = hostingPolicy !== '' || offered.length > 1
  if (!isChoice || offered.includes(hostingPolicy)) return []
  const message =
    offered.length === 0 ? 'the flavor leaves no choice of hosting' : `must be one of ${offered.join(', ')}`
  return [{ path: '$.configuration.data.hostingPolicy', message }]
}

function templateErrors(
  { configurationData = {} }: WireServiceConfiguration,
  template: unknown,
): readonly FieldError[] {
  const at = '$.configuration.data.configurationData'
  if (JSON.stringify(configurationData).length > MOST_CHARACTERS)
    return [{ path: at, message: `is longer than ${MOST_CHARACTERS} characters` }]
  if (typeof template !== 'object' || template === null) return []
  const [ok, errors] = Schema.Errors(template, configurationData)
  if (ok) return []
  return errors.slice(0, MOST_ERRORS).map(({ instancePath, message, params }) => ({
    path: `${at}${instancePath.replaceAll('/', '.')}`,
    message: `${message}${namesIn(params)}`,
  }))
}

/** Which members are missing or too many. */
function namesIn(params: object): string {
  const { requiredProperties, additionalProperties } = params as {
    readonly requiredProperties?: readonly string[]
    readonly additionalProperties?: readonly string[]
  }
  const names = requiredProperties ?? additionalProperties
  return Array.isArray(names) ? ` (${names.join(', ')})` : ''
}
