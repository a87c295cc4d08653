/**
 * Reads label and field selectors in Kubernetes' query syntax. Pure; the store selects.
 */
import type { FieldSelector } from '../objects/field-selector.ts'
import type { LabelRequirement, LabelSelector } from '../objects/label-selector.ts'
import type { ObjectSelection } from '../objects/object-selection.ts'
import { ApiError } from './status.ts'

/** @throws ApiError `BadRequest` */
export function selectionOf(query: URLSearchParams, namespace: string | undefined): ObjectSelection {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '')
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '')
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...((labels.matchExpressions ?? []).length === 0 ? {} : { labels }),
    ...(fields.length === 0 ? {} : { fields }),
  }
}

const LABEL_KEY = String.raw`[\w./-]+`
const SET_BASED = new RegExp(String.raw`^(${LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)$`)
const EQUALITY = new RegExp(String.raw`^(${LABEL_KEY})\s*(==|=|!=|<|>)\s*([\w.-]*)$`)
const EXISTENCE = new RegExp(String.raw`^(!?)\s*(${LABEL_KEY})$`)

/**
 * @param text for example `app=web,tier in (a, b),!canary`
 * @throws ApiError `BadRequest`
 */
export function parseLabelSelector(text: string): LabelSelector {
  return { matchExpressions: splitOutsideParentheses(text).map(parseLabelRequirement) }
}

const OPERATORS = { '=': 'In', '==': 'In', '!=': 'NotIn', '<': 'Lt', '>': 'Gt' } as const

function parseLabelRequirement(text: string): LabelRequirement {
  const [, setKey, setOperator, list] = SET_BASED.exec(text) ?? []
  if (setKey !== undefined && list !== undefined) {
    const values = list.split(',').map((value) => value.trim())
    return { key: setKey, operator: setOperator === 'in' ? 'In' : 'NotIn', values }
  }
  const [, key, sign, value] = EQUALITY.exec(text) ?? []
  if (key !== undefined && value !== undefined) {
    return { key, operator: OPERATORS[sign as keyof typeof OPERATORS], values: [value] }
  }
  const [, not, existing] = EXISTENCE.exec(text) ?? []
  if (existing !== undefined) return { key: existing, operator: not === '' ? 'Exists' : 'DoesNotExist' }
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
 * @throws ApiError `BadRequest`
 */
export function parseFieldSelector(text: string): FieldSelector {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).map((term) => {
    const [, path, sign, quoted] = /^((?:\\.|[^=!\\])+)(==|=|!=)((?:\\.|[^=\\])*)$/.exec(term.trim()) ?? []
    if (path === undefined || quoted === undefined) {
      throw new ApiError(
        'BadRequest',
        `invalid field selector: ${JSON.stringify(term)}; want path=value or path!=value`,
      )
    }
    return { path, operator: sign === '!=' ? '!=' : '=', value: quoted.replaceAll(/\\(.)/g, '$1') }
  })
}
