/**
 * The error with which an admission refuses an object: one cause per wrong field.
 */

/** What is wrong with one field. */
export interface FieldCause {
  /** Dotted path, for example `spec.parts[0].resources.cpu`; empty for the object as a whole. */
  readonly field: string
  /** For people, for example `Invalid value: "x": must be integer`. */
  readonly message: string
  /** Kubernetes' cause type; `FieldValueInvalid` when absent. */
  readonly reason?: string
}

/** The object cannot be stored as it is. Answered with HTTP 422 and all causes. */
export class InvalidObject extends Error {
  override readonly name = 'InvalidObject'
  readonly causes: readonly FieldCause[]

  constructor(causes: readonly FieldCause[], options?: ErrorOptions) {
    super(
      causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; '),
      options,
    )
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
