/** How LIST_FLAVORS says that more flavors match than it told. */
import Type from 'typebox'
import type { FlavorList } from '../flavor-index/index.ts'

const TRUNCATED = 'tributary-truncated'
const MATCHED = 'tributary-matched'

/** For the OpenAPI document. */
export const TRUNCATION_HEADERS = {
  'Tributary-Truncated': {
    description: 'Present when more flavors match than are told: ask with narrower filters.',
    schema: Type.Literal('true'),
  },
  'Tributary-Matched': {
    description: 'How many flavors match, where not all of them are told and that many were counted.',
    schema: Type.Integer({ minimum: 1 }),
  },
}

/** @returns headers of the answer; none when all is told */
export function truncationHeaders({
  truncated,
  matched,
}: Pick<FlavorList, 'truncated' | 'matched'>): Readonly<Record<string, string>> {
  if (!truncated) return {}
  return { [TRUNCATED]: 'true', ...(matched === undefined ? {} : { [MATCHED]: String(matched) }) }
}

/** @returns whether an answer has less than matches, and of how many if it says so; undefined when it has all */
export function truncationOf(
  headers: Readonly<Record<string, string>>,
): { readonly matched: number | undefined } | undefined {
  if (headers[TRUNCATED] !== 'true') return undefined
  const matched = Number(headers[MATCHED])
  return { matched: Number.isSafeInteger(matched) && matched > 0 ? matched : undefined }
}
