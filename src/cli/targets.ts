/**
 * What the words after a verb mean: `KIND NAME…`, `KIND/NAME…`, `KIND,KIND`.
 */
import { CliError, EXIT } from './cli-error.ts'
import { type ApiResource, resolveResource, resolveResources } from './api-resource.ts'

export interface Target {
  readonly resource: ApiResource
  /** All of the kind when absent. */
  readonly name?: string
}

/**
 * @param words as given on the command line
 * @throws CliError `usage`
 */
export function parseTargets(resources: readonly ApiResource[], words: readonly string[]): readonly Target[] {
  const [first] = words
  if (first === undefined) {
    throw new CliError(
      'which kind? For example: intents, or intent/NAME\nSee all kinds with: tributary api-resources',
      EXIT.usage,
    )
  }
  if (words.some((word) => word.includes('/'))) {
    return words.map((word) => {
      const [kind = '', name = '', ...more] = word.split('/')
      if (kind === '' || name === '' || more.length > 0) {
        throw new CliError(
          `want KIND/NAME everywhere once one of the words has that form, not "${word}"`,
          EXIT.usage,
        )
      }
      return { resource: resolveResource(resources, kind), name }
    })
  }
  const kinds = resolveResources(resources, first)
  const names = words.slice(1)
  if (names.length === 0) return kinds.map((resource) => ({ resource }))
  if (kinds.length > 1) throw new CliError('a name goes with one kind; use KIND/NAME for several', EXIT.usage)
  return names.map((name) => ({ resource: kinds[0]!, name }))
}
