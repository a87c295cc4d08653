/** What is wrong with a configuration; the message is for people and names the place. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** The field that is meant, as a path with dots; undefined when it is none in particular. */
  readonly field: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly field?: string } = {}) {
    super(message, options)
    this.field = options.field
  }
}
