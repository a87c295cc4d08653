/**
 * The YAML of the control API. That of strangers is read in time that grows with its length: what is nested is bounded,
 * each value is counted as it is read, and where there are too many it stops. The positions and comments that `yaml`
 * keeps for configurations and manifests, where the user is told the line, cost a hundred times as much, which is why
 * another library reads and writes here.
 */
import {
  CORE_SCHEMA,
  DEFAULT_SCHEMA,
  dump,
  type EventType,
  load,
  type LoadOptions,
  type State,
} from 'js-yaml'

export interface YamlLimits {
  /** Levels that collections are nested. */
  readonly depth: number
  /** Values: members of maps count twice, for their names are values too. */
  readonly values: number
}

/** How many aliases there may be: each is as long as what it stands for. */
const MAX_ALIASES = 100

/** More than the limits allow, whether or not it is YAML. */
export class YamlTooLarge extends Error {}

/**
 * @returns what the only document of `text` says; aliased values are shared, so that it may be much larger than `text`
 * @throws YamlTooLarge; an Error that says where `text` is no YAML
 */
export function readYaml(text: string, { depth, values }: YamlLimits): unknown {
  let count = 0
  let aliases = 0
  let aliased = 0
  let furthest = 0
  let readAgain = 0
  const listener = (event: EventType, { kind, result, position }: State): void => {
    if (event === 'open' && ++count > values)
      throw new YamlTooLarge(`the body has more than ${values} values: send less at once`)
    // What is a scalar, a list or a map says so.
    if (event === 'close' && kind === null && result !== null) {
      aliased += textOf(result)
      if (++aliases > MAX_ALIASES || aliased > text.length)
        throw new YamlTooLarge('the aliases of the body are too many or too long: write the values out')
    }
    // A key is read again as such when the colon behind it comes in sight.
    if (position < furthest) readAgain += furthest - position
    if (readAgain > 2 * text.length + 1024)
      throw new YamlTooLarge('the body has too many keys with anchors or tags: write them without')
    furthest = position
  }
  return load(text, { schema: CORE_SCHEMA, listener, maxDepth: depth + 1 } as LoadOptions) ?? null
}

/** What a name made of `value` would be made of: a text, or the texts in a list. */
function textOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  return Array.isArray(value)
    ? value.reduce<number>((sum, item) => sum + (typeof item === 'string' ? item.length : 1), 0)
    : 0
}

/**
 * @param value JSON; members that are undefined are left out
 * @returns YAML without aliases and line breaks of our own. Texts that some reader takes for a time or a boolean, such as
 *   `yes`, are quoted
 */
export function writeYaml(value: unknown): string {
  return dump(value, { schema: DEFAULT_SCHEMA, noRefs: true, lineWidth: -1, skipInvalid: true })
}
