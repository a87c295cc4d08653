/**
 * The error with which an admission refuses an object: one cause per wrong field.
 */

import { causeText, type FieldCause } from '../kernel/validation/field-cause.ts'

/** The object cannot be stored as it is. Answered with HTTP 422 and all causes. */
export class InvalidObject extends Error {
  override readonly name = 'InvalidObject'
  readonly causes: readonly FieldCause[]

  constructor(causes: readonly FieldCause[], options?: ErrorOptions) {
    super(causes.map(causeText).join('; '), options)
    this.causes = causes
  }
}

/**
 * Recognizes by shape, so that a component can throw its own `InvalidObject` without importing this folder.
 * @returns the error if it is one that names causes
 */
export function asInvalidObject(
  error: unknown,
): { message: string; causes: readonly FieldCause[] } | undefined {
  if (!(error instanceof Error) || error.name !== 'InvalidObject') return undefined
  const causes = (error as { causes?: unknown }).causes
  return Array.isArray(causes) ? { message: error.message, causes: causes as FieldCause[] } : undefined
}
