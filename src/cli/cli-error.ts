/**
 * What goes wrong on the command line, and the exit code that scripts branch on.
 */

/** Documented in `tributary help`; stable. */
export const EXIT = {
  ok: 0,
  /** The command was understood and failed. */
  error: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** What was named is not there. */
  notFound: 3,
  /** What was named is not there any more as it was shown. */
  changed: 3,
  /** The node does not answer, most often because it is not running. */
  unreachable: 4,
  /** Another process acts for the node: to be started again. */
  lost: 5,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** An error whose message is for the user, as it stands. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exitCode: ExitCode

  /** @param message what is wrong and, on further lines, what to do about it */
  constructor(message: string, exitCode: ExitCode = EXIT.error, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Error families of other rooms whose messages are written for people; told apart by name, to load none of them. */
const SPEAKING = new Set(['CliError', 'ApiStatusError', 'ConfigError', 'KeyFileError', 'StoreError'])

const SYSTEM: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'is not a directory',
  EEXIST: 'exists already',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
}

/** @returns what to tell the user of any error, without a stack trace */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (SPEAKING.has(error.name)) return error.message
  const { code, path } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : SYSTEM[code]
  if (known !== undefined && path !== undefined) return `${path}: ${known}`
  return error.message
}

/** @returns whether the error is one that users can cause; anything else is a defect of the program */
export function isExpected(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return SPEAKING.has(error.name) || 'syscall' in error
}
