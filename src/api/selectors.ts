/**
 * Label and field selectors, with Kubernetes' grammar. Pure.
 */
import { ApiError } from './status.ts'
import { valueAt } from './field-path.ts'
import { member } from '../kernel/json.ts'

/** Says whether an object is selected. */
export type Selection = (object: unknown) => boolean

/** @returns undefined when everything is selected */
export function selectionOf(query: URLSearchParams): Selection | undefined {
  const tests = [
    ...parseLabelSelector(query.get('labelSelector') ?? ''),
    ...parseFieldSelector(query.get('fieldSelector') ?? ''),
  ]
  return tests.length === 0 ? undefined : (object) => tests.every((test) => test(object))
}

const LABEL_KEY = String.raw`[\w./-]+`
const SET_BASED = new RegExp(String.raw`^(${LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)$`)
const EQUALITY = new RegExp(String.raw`^(${LABEL_KEY})\s*(==|=|!=|<|>)\s*([\w.-]*)$`)
const EXISTENCE = new RegExp(String.raw`^(!?)\s*(${LABEL_KEY})$`)

/**
 * @param text for example `app=web,tier in (a, b),!canary`
 * @returns one test per requirement; all must hold
 * @throws ApiError `BadRequest`
 */
export function parseLabelSelector(text: string): readonly Selection[] {
  return splitOutsideParentheses(text).map(parseLabelRequirement)
}

function parseLabelRequirement(text: string): Selection {
  const label = (object: unknown, key: string): string | undefined => {
    const value = member(member(member(object, 'metadata'), 'labels'), key)
    return typeof value === 'string' ? value : undefined
  }
  const [, setKey, setOperator, list] = SET_BASED.exec(text) ?? []
  if (setKey !== undefined && list !== undefined) {
    const values = new Set(list.split(',').map((value) => value.trim()))
    return setOperator === 'in'
      ? (object) => {
          const value = label(object, setKey)
          return value !== undefined && values.has(value)
        }
      : (object) => {
          const value = label(object, setKey)
          return value === undefined || !values.has(value)
        }
  }
  const [, key, operator, wanted] = EQUALITY.exec(text) ?? []
  if (key !== undefined && wanted !== undefined) {
    switch (operator) {
      case '!=':
        return (object) => label(object, key) !== wanted
      case '<':
        return (object) => Number(label(object, key)) < Number(wanted)
      case '>':
        return (object) => Number(label(object, key)) > Number(wanted)
      default:
        return (object) => label(object, key) === wanted
    }
  }
  const [, not, existing] = EXISTENCE.exec(text) ?? []
  if (existing !== undefined) {
    return not === ''
      ? (object) => label(object, existing) !== undefined
      : (object) => label(object, existing) === undefined
  }
  throw new ApiError(
    'BadRequest',
    `unable to parse requirement: ${JSON.stringify(text)} is not a label selector`,
  )
}

function splitOutsideParentheses(text: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index <= text.length; index++) {
    const character = text[index]
    if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === undefined || (character === ',' && depth === 0)) {
      parts.push(text.slice(start, index).trim())
      start = index + 1
    }
  }
  return parts.length === 1 && parts[0] === '' ? [] : parts
}

/**
 * @param text for example `metadata.name=a,status.phase!=Running`; `\` quotes `,`, `=` and itself
 * @returns one test per term; all must hold. A field that is absent equals the empty string
 * @throws ApiError `BadRequest`
 */
export function parseFieldSelector(text: string): readonly Selection[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).map((term) => {
    const [, path, operator, quoted] =
      /^((?:\\.|[^=!\\])+)(==|=|!=)((?:\\.|[^=\\])*)$/.exec(term.trim()) ?? []
    if (path === undefined || quoted === undefined) {
      throw new ApiError(
        'BadRequest',
        `invalid field selector: ${JSON.stringify(term)}; want path=value or path!=value`,
      )
    }
    const wanted = quoted.replaceAll(/\\(.)/g, '$1')
    return (object) => (textOf(valueAt(object, path)) === wanted) === (operator !== '!=')
  })
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean)
}
