/**
 * The command line. Used by `main.ts` only; everything it does goes through a running node's control API,
 * except to make and to run one.
 */
import { CommanderError } from 'commander'
import { inspect } from 'node:util'
import { MessageChannel } from 'node:worker_threads'
import { EXIT, type ExitCode, isExpected, messageOf } from './cli-error.ts'
import { CliError } from './cli-error.ts'
import { type Context, note, processContext } from './context.ts'
import { createProgram } from './program.ts'
import { styleFor } from './style.ts'

export { EXIT, type ExitCode } from './cli-error.ts'
export { type Context, processContext } from './context.ts'

/**
 * Runs one command. Never throws: what goes wrong is told on standard error.
 * @param args the words after the program's name
 * @returns the exit code
 */
export async function runCli(args: readonly string[], overrides: Partial<Context> = {}): Promise<ExitCode> {
  const context = processContext(overrides)
  // Timers of the kernel do not keep a process alive; a command that waits must.
  const alive = new MessageChannel()
  alive.port1.on('message', () => undefined)
  try {
    const program = createProgram(context)
    if (args.length === 0) {
      program.outputHelp()
      return EXIT.ok
    }
    await program.parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return report(context, error, isVerbose(args))
  } finally {
    alive.port1.close()
  }
}

function report(context: Context, error: unknown, verbose: boolean): ExitCode {
  if (error instanceof CommanderError) {
    // It has told the user already; help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  if (context.signal.aborted && isAbort(error)) return EXIT.interrupted
  const style = styleFor(context, context.stderr)
  const [first = '', ...more] = messageOf(error).split('\n')
  // Lines of the form FILE:LINE: … stay as they are: editors read them.
  const placed = /^\S+:\d+: /.test(first)
  note(context, placed ? first : `${style.red('error:')} ${first}`, ...more)
  if (verbose) note(context, '', stackOf(error))
  else if (!isExpected(error)) {
    note(context, '', 'This should not have happened. Run the command again with -v for the details.')
  }
  return error instanceof CliError ? error.exitCode : EXIT.error
}

function isAbort(error: unknown): boolean {
  const { name, code } = error as NodeJS.ErrnoException
  return name === 'AbortError' || code === 'ABORT_ERR' || code === 'ECONNRESET'
}

function isVerbose(args: readonly string[]): boolean {
  return args.includes('-v') || args.includes('--verbose')
}

function stackOf(error: unknown): string {
  const parts: string[] = []
  for (let at = error; at !== undefined; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? (at.stack ?? at.message) : inspect(at))
  }
  return parts.join('\ncaused by: ')
}
