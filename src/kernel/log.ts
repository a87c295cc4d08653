/**
 * Structured logging. Components get a `Log` from the composition root and name themselves with `child`.
 */
import { type Logger, pino, stdSerializers } from 'pino'

/** What a component may do with a log. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error'> & {
  child(bindings: Record<string, unknown>): Log
}

/** Log levels, least to most severe; `silent` turns logging off. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * @param level the least severe level that is written
 * @param bindings members of every line, for example the node's name
 * @returns a log that writes JSON lines to standard error
 */
export function createLog(level: LogLevel, bindings: Record<string, unknown> = {}): Log {
  const detailed = level === 'debug' || level === 'trace'
  const serializers = { err: detailed ? stdSerializers.err : briefError }
  return pino({ level, base: bindings, serializers }, pino.destination({ fd: 2, sync: true }))
}

/** An error with a code was foreseen: what and why suffice. The stack of any other leads to a mistake of ours. */
function briefError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return stdSerializers.err(error as Error)
  const { name, message, code } = error
  return { type: name, code, message }
}

/** Writes nothing; for tests. */
export const silentLog: Log = createLog('silent')
