/**
 * Turns what the API says of an object into `FILE:LINE: field: message`, one line per wrong field.
 */
import { closest } from '../kernel/closest.ts'
import { parseQuantity, QuantityError } from '../quantity/index.ts'
import { type ApiResource, apiVersionOf } from './api-resource.ts'
import type { ApiStatusError } from './control-client.ts'
import { complaint, type Manifest } from './manifest.ts'

/** @returns the kind of a manifest, or the complaint that there is none */
export function resourceOfManifest(
  resources: readonly ApiResource[],
  { file, object, lineOf }: Manifest,
): ApiResource | string {
  const { apiVersion, kind } = object
  const found = resources.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind)
  if (found) return found
  const elsewhere = resources.find((each) => each.kind === kind)
  if (elsewhere) {
    const message = `there is no ${kind} in "${apiVersion}"; did you mean "${apiVersionOf(elsewhere)}"?`
    return complaint(file, lineOf('apiVersion'), 'apiVersion', message)
  }
  const sameVersion = resources.filter((each) => apiVersionOf(each) === apiVersion).map((each) => each.kind)
  const hint = closest(kind, sameVersion) ?? closest(kind, new Set(resources.map((each) => each.kind)))
  return complaint(
    file,
    lineOf('kind'),
    'kind',
    hint === undefined
      ? `this node has no kind "${kind}"; tributary api-resources lists those that it has, and an intent can run Deployment and Service`
      : `unknown kind "${kind}"; did you mean "${hint}"?`,
  )
}

/** @returns the complaints that a refusal is made of; a single one without a field when it names none */
export function complaintsOf({ file, object, lineOf }: Manifest, error: ApiStatusError): readonly string[] {
  const unknown = unknownFields(error.message)
  if (unknown.length > 0) {
    return unknown.map(({ field, suggestion }) =>
      complaint(
        file,
        lineOf(field),
        field,
        `unknown field${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`,
      ),
    )
  }
  const causes = error.causes.filter(({ message }) => message !== '')
  if (causes.length > 0) {
    return causes.map(({ field = '', message }) =>
      complaint(file, lineOf(field), field, quantityMessage(field, message) ?? plain(message)),
    )
  }
  return [complaint(file, lineOf('metadata'), '', `${object.kind} ${object.metadata.name}: ${error.message}`)]
}

/** `unknown field "spec.x" (did you mean "y"?)`, several times, in errors and in warnings. */
export function unknownFields(
  message: string,
): readonly { readonly field: string; readonly suggestion: string | undefined }[] {
  return [...message.matchAll(/unknown field "([^"]+)"(?: \(did you mean "([^"]+)"\?\))?/g)].map(
    ([, field = '', suggestion]) => ({ field, suggestion }),
  )
}

/** Kubernetes' wording is for programs that know it; ours is for people. */
function plain(message: string): string {
  if (message === 'Required value') return 'missing'
  const invalid = /^Invalid value: (".*?"|[^:]*): (.+)$/s.exec(message)
  return invalid ? `${invalid[2]} (it is ${invalid[1]})` : message
}

/** Where a server can only say that a text does not match a pattern, the quantity's own parser says why. */
function quantityMessage(field: string, message: string): string | undefined {
  const value = /^Invalid value: "(.*?)": .*(?:pattern|quantity)/s.exec(message)?.[1]
  if (value === undefined || !/\.(requests|limits|capacity|amounts|request)\.[^.]+$/.test(field))
    return undefined
  try {
    parseQuantity(value)
    return undefined
  } catch (error) {
    if (error instanceof QuantityError) return error.message
    throw error
  }
}
