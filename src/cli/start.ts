/**
 * `tributary start`: runs the node of a directory in the foreground.
 */
import { Option } from 'commander'
import { createLog, LOG_LEVELS, type LogLevel } from '../kernel/log.ts'
import { deadline } from '../kernel/system.ts'
import type { NodeHandle } from '../node/start-node.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Context, note } from './context.ts'
import { guestsRow } from './guests-row.ts'
import { isNodeDirectory, isRunning, readEndpoints, resolveDirectory, shellWord } from './node-directory.ts'
import { addDirOptions, examples, type GlobalOptions, optionsOf } from './options.ts'
import { printable } from './printable.ts'
import { octal, tightenDirectory } from './private-directory.ts'
import { styleFor } from './style.ts'
import { commandOf, type Verb } from './verb.ts'

interface StartOptions extends GlobalOptions {
  readonly logLevel?: LogLevel
}

/** A stop that takes longer than this is given up. */
const STOP_WITHIN_MS = 5_000

export const startVerb: Verb = (program, context) => {
  const command = program
    .command('start')
    .description('run the node in the foreground, until Ctrl-C or SIGTERM')
    .addOption(new Option('--log-level <level>', 'instead of that in config.yaml').choices([...LOG_LEVELS]))
    .addHelpText(
      'after',
      `
Prints where the node listens, then its log, to standard error. A first SIGINT or SIGTERM stops it
gracefully within 5 seconds, a second one at once.
` +
        examples(
          ['tributary start', 'the node in ./tributary-node or ~/.tributary'],
          ['tributary start --dir ./alpha --log-level debug', 'another one, with more to read'],
        ),
    )
    .action(async (...args: unknown[]) => start(context, optionsOf<StartOptions>(commandOf(args))))
  addDirOptions(command)
}

async function start(context: Context, options: StartOptions): Promise<void> {
  const directory = resolveDirectory(context, options.dir)
  if (!isNodeDirectory(directory)) {
    throw new CliError(
      `there is no node in ${directory}\nMake one with: tributary init --dir ${shellWord(directory)}`,
      EXIT.notFound,
    )
  }
  refuseSecond(directory)
  const wide = await tightenDirectory(directory)
  if (wide !== undefined)
    note(context, `${directory} was open to others (mode ${octal(wide)}); now it is its owner's alone`)
  const { startNode } = await import('../node/start-node.ts')
  const log = await logFor(directory, options.logLevel)
  const handle = await startNode({ directory, ...(log ? { log } : {}) }).catch((error: unknown) => {
    throw explained(directory, error)
  })
  banner(context, directory, handle)
  await untilEnd(context, handle)
  note(context, `${handle.name}: stopping; press Ctrl-C again to stop at once`)
  await stop(context, handle)
}

/**
 * Resolves when the user ends the node.
 * @throws CliError when another process acts for the node now: all is stopped, and whoever runs this one starts it anew
 */
export async function untilEnd(
  context: Pick<Context, 'signal' | 'hurry' | 'system'>,
  handle: Pick<NodeHandle, 'name' | 'lost' | 'stop'>,
): Promise<void> {
  const { signal } = context
  const ended = new Promise<'ended'>((resolve) => {
    if (signal.aborted) resolve('ended')
    signal.addEventListener('abort', () => resolve('ended'), { once: true })
  })
  if ((await Promise.race([ended, handle.lost.then(() => 'lost' as const)])) === 'ended') return
  await stop(context, handle)
  throw new CliError(
    `${handle.name}: this process acts for the node no more; it could not renew its lease in the store, and another may have taken over\nStart it again, as a service manager does by itself: it then waits for its turn.`,
    EXIT.lost,
  )
}

/** @returns undefined to leave the choice to the node */
async function logFor(directory: string, level: LogLevel | undefined) {
  if (level === undefined) return undefined
  const { loadConfig } = await import('../config/index.ts')
  return createLog(level, { node: loadConfig(directory).name })
}

function refuseSecond(directory: string): void {
  const running = readEndpoints(directory)
  if (running && running.pid !== process.pid && isRunning(running.pid))
    throw alreadyRunning(directory, running.pid)
}

function alreadyRunning(directory: string, pid: number | undefined, cause?: unknown): CliError {
  const as = pid === undefined ? '' : ` as process ${pid}`
  return new CliError(
    `the node in ${directory} is already running${as}\nSee it with: tributary status --dir ${shellWord(directory)}`,
    EXIT.error,
    { cause },
  )
}

/** What users can do something about gets words that say what. */
function explained(directory: string, error: unknown): unknown {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, message, name } = at as NodeJS.ErrnoException
    if (name === 'StoreError' && message.includes('in use by another process')) {
      return alreadyRunning(directory, readEndpoints(directory)?.pid, error)
    }
    const { port, address = '' } = at as { port?: number; address?: string }
    const place = port === undefined ? '' : ` ${address}:${port}`
    if (code === 'EADDRINUSE') {
      return new CliError(
        `the port${place} is taken by another program\nChange rear.listen or control.listen in ${directory}/config.yaml; port 0 takes any free one.`,
        EXIT.error,
        { cause: error },
      )
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      return new CliError(
        `this machine has no address${place || ` as in ${directory}/config.yaml`}; see rear.listen and control.listen there`,
        EXIT.error,
        { cause: error },
      )
    }
    if (code === 'EACCES' && port !== undefined) {
      return new CliError(
        `not permitted to listen at${place}; ports below 1024 need privileges`,
        EXIT.error,
        {
          cause: error,
        },
      )
    }
  }
  return error
}

function banner(
  context: Context,
  directory: string,
  { name, id, rearAddress, controlSocket, controlUrl, node }: NodeHandle,
): void {
  const style = styleFor(context, context.stderr)
  const { role, domain, version, enforcement, guests, warnings } = node.status()
  const runner = guestsRow(guests)
  const row = (label: string, value: string): string => `  ${style.dim(label.padEnd(9))} ${value}`
  note(
    context,
    '',
    `${style.bold(`Tributary ${version}`)}: ${role} ${style.bold(name)} of ${domain} is running`,
    '',
    row('id', id),
    row('directory', directory),
    row('REAR', `${rearAddress} (mutual TLS)`),
    row('control', controlSocket),
    row('', `${controlUrl} (with a token)`),
    row('limits', enforcement),
    ...(runner === undefined ? [] : [row('guests', runner)]),
    row('try', `tributary get flavors --dir ${shellWord(directory)}`),
    row('', `tributary kubeconfig --merge --dir ${shellWord(directory)}   (for kubectl, k9s, Helm)`),
    ...(warnings.length === 0 ? [] : ['']),
    ...warnings.map(({ severity, code, text }) => {
      const loud = severity === 'high'
      return `  ${loud ? style.red(style.bold('WARNING')) : style.yellow('note')} ${printable(text)} ${style.dim(`(${code})`)}`
    }),
    '',
  )
}

async function stop(
  context: Pick<Context, 'hurry' | 'system'>,
  handle: Pick<NodeHandle, 'stop'>,
): Promise<void> {
  const { clock } = context.system
  const { signal, done } = deadline(clock, STOP_WITHIN_MS, context.hurry)
  const late = new Promise<'late'>((resolve) => {
    if (signal.aborted) resolve('late')
    signal.addEventListener('abort', () => resolve('late'), { once: true })
  })
  try {
    const outcome = await Promise.race([handle.stop(), late])
    if (outcome !== 'late') return
  } finally {
    done()
  }
  throw new CliError(
    context.hurry.aborted
      ? 'stopped at once'
      : `did not stop within ${STOP_WITHIN_MS / 1000} seconds; stopped at once`,
  )
}
