/**
 * What a verb may touch of the outside: streams, environment, clock, the signal that ends it.
 *
 * Passed in, so that the tests run verbs in their own process.
 */
import type { Readable, Writable } from 'node:stream'
import { type System, realSystem } from '../kernel/system.ts'

export interface Context {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths start here. */
  readonly cwd: string
  readonly system: System
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Aborts at the second: whoever is asked twice should not be polite. */
  readonly hurry: AbortSignal
}

/** @returns the context of this process; `hurry` and `signal` never abort unless given */
export function processContext(overrides: Partial<Context> = {}): Context {
  const never = new AbortController().signal
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    system: realSystem,
    signal: never,
    hurry: never,
    ...overrides,
  }
}

/** @returns whether a person reads the stream */
export function isTerminal(stream: Writable): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true
}

/** @returns the width of the terminal in columns; undefined when the stream is none */
export function widthOf(stream: Writable): number | undefined {
  return isTerminal(stream) ? (stream as { columns?: number }).columns : undefined
}

/** Writes lines to standard output. */
export function print(context: Pick<Context, 'stdout'>, ...lines: readonly string[]): void {
  for (const line of lines) context.stdout.write(`${line}\n`)
}

/** Writes lines to standard error: what is said about the work, not its result. */
export function note(context: Pick<Context, 'stderr'>, ...lines: readonly string[]): void {
  for (const line of lines) context.stderr.write(`${line}\n`)
}
