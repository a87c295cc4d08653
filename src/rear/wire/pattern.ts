/**
 * Patterns from outside, matched in linear time: a small part of regular expressions.
 *
 * A pattern that a stranger sends must not be able to keep us busy, so there are no groups and nothing
 * nests: alternatives of characters, `.`, `[classes]`, `\d \w \s`, each with `*`, `+` or `?`, and `^` and
 * `$` at the ends. That is enough for names; the cost is at most pattern length × text length.
 */

/** Longer patterns are refused. */
export const MAX_PATTERN_LENGTH = 128

/** A pattern that is not in the supported part. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

interface Atom {
  readonly takes: (character: string) => boolean
  readonly repeat: boolean
  readonly optional: boolean
}

interface Alternative {
  readonly atoms: readonly Atom[]
  readonly fromStart: boolean
  readonly toEnd: boolean
}

/**
 * @param source the pattern; like upstream's it matches anywhere in the text unless anchored
 * @returns whether a text matches
 * @throws PatternError
 */
export function compilePattern(source: string): (text: string) => boolean {
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new PatternError(`a pattern may have at most ${MAX_PATTERN_LENGTH} characters`)
  }
  const alternatives = splitAlternatives(source).map(parseAlternative)
  return (text) => alternatives.some((alternative) => matches(alternative, text))
}

function splitAlternatives(source: string): readonly string[] {
  const parts: string[] = []
  let part = ''
  let inClass = false
  for (let i = 0; i < source.length; i++) {
    const character = source[i]!
    if (character === '\\') {
      part += character + (source[++i] ?? '')
      continue
    }
    if (character === '[') inClass = true
    if (character === ']') inClass = false
    if (character === '|' && !inClass) {
      parts.push(part)
      part = ''
    } else part += character
  }
  return [...parts, part]
}

function parseAlternative(source: string): Alternative {
  const fromStart = source.startsWith('^')
  const atoms: Atom[] = []
  let toEnd = false
  let i = fromStart ? 1 : 0
  while (i < source.length) {
    if (source[i] === '$' && i === source.length - 1) {
      toEnd = true
      break
    }
    const { takes, next } = parseAtom(source, i)
    const suffix = source[next]
    const counted = suffix === '*' || suffix === '+' || suffix === '?'
    atoms.push({
      takes,
      repeat: suffix === '*' || suffix === '+',
      optional: suffix === '*' || suffix === '?',
    })
    i = counted ? next + 1 : next
  }
  return { atoms, fromStart, toEnd }
}

const CLASSES: Readonly<Record<string, RegExp>> = { d: /[0-9]/, w: /[0-9A-Za-z_]/, s: /\s/ }

function parseAtom(source: string, at: number): { readonly takes: Atom['takes']; readonly next: number } {
  const character = source[at]!
  if (character === '.') return { takes: () => true, next: at + 1 }
  if (character === '\\') {
    const escaped = source[at + 1]
    if (escaped === undefined) throw new PatternError('ends in a backslash')
    return { takes: escape(escaped), next: at + 2 }
  }
  if (character === '[') return parseClass(source, at)
  if ('()*+?{}^$]'.includes(character)) {
    throw new PatternError(`${JSON.stringify(character)} at position ${at + 1} is not supported here`)
  }
  return { takes: (other) => other === character, next: at + 1 }
}

function escape(character: string): Atom['takes'] {
  const known = CLASSES[character]
  if (known) return (other) => known.test(other)
  if (/[0-9A-Za-z]/.test(character)) throw new PatternError(`\\${character} is not supported`)
  return (other) => other === character
}

function parseClass(source: string, at: number): { readonly takes: Atom['takes']; readonly next: number } {
  const members: Atom['takes'][] = []
  let i = at + 1
  const negated = source[i] === '^'
  if (negated) i++
  while (i < source.length && source[i] !== ']') {
    const low = source[i]!
    if (low === '\\') {
      if (source[i + 1] === undefined) break
      members.push(escape(source[i + 1]!))
      i += 2
    } else if (source[i + 1] === '-' && source[i + 2] !== undefined && source[i + 2] !== ']') {
      const high = source[i + 2]!
      members.push((other) => other >= low && other <= high)
      i += 3
    } else {
      members.push((other) => other === low)
      i++
    }
  }
  if (source[i] !== ']') throw new PatternError('has a class without its end')
  return { takes: (other) => members.some((member) => member(other)) !== negated, next: i + 1 }
}

/** Follows all positions that the text so far can have reached in the pattern. */
function matches({ atoms, fromStart, toEnd }: Alternative, text: string): boolean {
  const end = atoms.length
  let reached = new Set<number>()
  const enter = (into: Set<number>, position: number): void => {
    into.add(position)
    if (position < end && atoms[position]!.optional) enter(into, position + 1)
  }
  enter(reached, 0)
  for (const character of text) {
    if (!toEnd && reached.has(end)) return true
    const next = new Set<number>()
    for (const position of reached) {
      const atom = atoms[position]
      if (!atom?.takes(character)) continue
      enter(next, position + 1)
      if (atom.repeat) next.add(position)
    }
    if (!fromStart) enter(next, 0)
    reached = next
  }
  return reached.has(end)
}
