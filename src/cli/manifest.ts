/**
 * Manifests as users write them: several documents in a file, each knowing where its fields are.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from 'yaml'
import { CliError, EXIT } from './cli-error.ts'
import type { Context } from './context.ts'
import { resolvePath } from './node-directory.ts'

/** One object of a file. */
export interface Manifest {
  readonly file: string
  readonly object: ManifestObject
  /** @returns the line of a field, given as `spec.parts[0].name`; of the nearest one above it when it is absent */
  lineOf(field: string): number
}

export interface ManifestObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly [member: string]: unknown
  }
  readonly [member: string]: unknown
}

/** One complaint, in the form that editors jump to. */
export function complaint(file: string, line: number, field: string, message: string): string {
  return `${file}:${line}: ${field === '' ? '' : `${field}: `}${message}`
}

/**
 * @param files paths, folders (every .yaml, .yml and .json in them), or `-` for standard input
 * @throws CliError with one line `FILE:LINE: field: message` per complaint, or when there is nothing
 */
export async function readManifests(
  context: Pick<Context, 'stdin' | 'cwd'>,
  files: readonly string[],
): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = []
  const complaints: string[] = []
  for (const file of files.flatMap((file) => expand(context, file))) {
    const parsed = parseManifests(await readText(context, file), file === '-' ? '<stdin>' : file)
    manifests.push(...parsed.manifests)
    complaints.push(...parsed.complaints)
  }
  if (complaints.length > 0) throw new CliError(complaints.join('\n'))
  if (manifests.length === 0) throw new CliError(`no object in ${files.join(', ')}`)
  return manifests
}

/** @returns the text of a file, or of standard input for `-` */
export async function readText(context: Pick<Context, 'stdin' | 'cwd'>, file: string): Promise<string> {
  if (file !== '-') {
    try {
      return readFileSync(resolvePath(context, file), 'utf8')
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      const missing = code === 'ENOENT'
      throw new CliError(
        missing ? `there is no file ${file}` : `cannot read ${file}: ${code ?? String(cause)}`,
        missing ? EXIT.notFound : EXIT.error,
        { cause },
      )
    }
  }
  const chunks: Buffer[] = []
  for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk as Buffer))
  return Buffer.concat(chunks).toString()
}

function expand(context: Pick<Context, 'cwd'>, file: string): readonly string[] {
  const path = resolvePath(context, file)
  if (file === '-' || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [file]
  const found = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name))
  if (found.length === 0) throw new CliError(`no .yaml, .yml or .json file in ${file}`, EXIT.notFound)
  return found.sort().map((name) => join(file, name))
}

/** @param file only named in complaints */
export function parseManifests(
  text: string,
  file: string,
): { readonly manifests: readonly Manifest[]; readonly complaints: readonly string[] } {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Ours is linear; that of the library takes the square of the members of a map.
    uniqueKeys: false,
  })
  const manifests: Manifest[] = []
  const complaints: string[] = []
  for (const document of 'empty' in documents ? [] : documents) {
    const broken = document.errors[0]
    if (broken) {
      const { line, col } = lines.linePos(broken.pos[0])
      complaints.push(complaint(file, line, '', `not YAML: ${broken.message} (column ${col})`))
      continue
    }
    const twice = duplicateKey(document)
    if (twice) {
      complaints.push(complaint(file, lines.linePos(twice.offset).line, twice.key, 'given twice'))
      continue
    }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: 50 })
    } catch (error) {
      complaints.push(complaint(file, 1, '', `not usable YAML: ${(error as Error).message}`))
      continue
    }
    if (value === null || value === undefined) continue
    const position = positions(document.contents, lines)
    for (const { object, prefix } of flatten(value)) {
      const lineOf = (field: string): number => position([...prefix, ...segmentsOf(field)])
      const wrong = incomplete(object)
      if (wrong) complaints.push(complaint(file, lineOf(wrong[0]), wrong[0], wrong[1]))
      else manifests.push({ file, object: object as ManifestObject, lineOf })
    }
  }
  return { manifests, complaints }
}

/** @returns the first name that a map has twice */
function duplicateKey(document: Document): { readonly key: string; readonly offset: number } | undefined {
  let found: { key: string; offset: number } | undefined
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        if (isScalar(key) && seen.has(key.value)) {
          found = { key: String(key.value), offset: key.range?.[0] ?? 0 }
          return visit.BREAK
        }
        if (isScalar(key)) seen.add(key.value)
      }
      return undefined
    },
  })
  return found
}

/** A `List` stands for its items. */
function flatten(value: unknown): readonly { object: unknown; prefix: readonly string[] }[] {
  const { kind, items } = (value ?? {}) as { kind?: unknown; items?: unknown }
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items))
    return [{ object: value, prefix: [] }]
  return items.map((object: unknown, index) => ({ object, prefix: ['items', String(index)] }))
}

function incomplete(object: unknown): readonly [field: string, message: string] | undefined {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return ['', 'not an object: want apiVersion, kind, metadata and spec']
  }
  const { apiVersion, kind, metadata } = object as Record<string, unknown>
  for (const [field, value] of Object.entries({ apiVersion, kind })) {
    if (value === undefined) return [field, 'missing']
    if (typeof value !== 'string' || value === '') return [field, 'must be a text']
  }
  if (metadata === undefined) return ['metadata', 'missing; want at least a name']
  if (typeof metadata !== 'object' || metadata === null) return ['metadata', 'must be an object']
  const { name, namespace } = metadata as Record<string, unknown>
  if (name === undefined || name === '') return ['metadata.name', 'missing']
  if (typeof name !== 'string')
    return ['metadata.name', `must be a text; put ${JSON.stringify(name)} in quotes`]
  if (namespace !== undefined && typeof namespace !== 'string')
    return ['metadata.namespace', 'must be a text']
  return undefined
}

/** `spec.parts[0].name` → its segments; of a name with dots (a label's) `lineOf` tries what there is. */
function segmentsOf(field: string): readonly string[] {
  return field
    .replaceAll(/\[([^\]]*)\]/g, '.$1')
    .split('.')
    .filter((segment) => segment !== '')
}

function positions(root: Node | null, lines: LineCounter): (path: readonly string[]) => number {
  const line = (offset: number | undefined): number => (offset === undefined ? 1 : lines.linePos(offset).line)
  return (path) => {
    let at: unknown = root
    let offset = root?.range?.[0]
    for (let index = 0; index < path.length; index++) {
      if (isMap(at)) {
        // Keys may have dots in them: the longest run of segments that is a key wins.
        const found = longestKey(at, path, index)
        if (!found) break
        offset = found.offset ?? offset
        at = found.value
        index += found.length - 1
      } else if (isSeq(at)) {
        const item = at.items[Number(path[index])]
        if (!isNode(item)) break
        offset = item.range?.[0] ?? offset
        at = item
      } else break
    }
    return line(offset)
  }
}

function longestKey(
  map: YAMLMap,
  path: readonly string[],
  from: number,
): { value: unknown; offset: number | undefined; length: number } | undefined {
  for (let length = path.length - from; length > 0; length--) {
    const name = path.slice(from, from + length).join('.')
    const pair = map.items.find((each) => isPair(each) && String(keyValue(each.key)) === name)
    if (pair) return { value: pair.value, offset: isNode(pair.key) ? pair.key.range?.[0] : undefined, length }
  }
  return undefined
}

function keyValue(key: unknown): unknown {
  return isNode(key) ? (key as { value?: unknown }).value : key
}
