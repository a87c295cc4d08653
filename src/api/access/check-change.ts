/** Refuses a change of what the node derives or decides, whoever asks for it. Pure. */
import { type Change, whyNotChanged } from '../../objects/writable.ts'
import { ApiError, detailsOf, type Target } from '../status.ts'
import { resourceOf } from '../../objects/kind.ts'

/** @throws ApiError `Forbidden`, with the reason */
export function checkChange(target: Target, change: Change): void {
  const why = whyNotChanged(target.kind, change)
  if (why === undefined) return
  const what = resourceOf(target.kind)
  throw new ApiError('Forbidden', `${what} "${target.name}" is forbidden: ${why}`, detailsOf(target))
}
