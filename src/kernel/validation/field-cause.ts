/** What is wrong with one field of an object, as Kubernetes says it. */
export interface FieldCause {
  /** Dotted path, for example `spec.parts[0].resources.cpu`; empty for the object as a whole. */
  readonly field: string
  /** For people, for example `Invalid value: "x": must be integer`. */
  readonly message: string
  /** Kubernetes' cause type; `FieldValueInvalid` when absent. */
  readonly reason?: string
}

/** @returns the cause in one line, for people */
export function causeText({ field, message }: FieldCause): string {
  return field === '' ? message : `${field}: ${message}`
}
