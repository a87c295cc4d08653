/**
 * One node of a demo: an operating-system process of its own, with a directory of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deadline, sleep } from '../../kernel/system.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { ControlClient, socketUrl } from '../control-client.ts'
import { type Endpoints, readEndpoints } from '../node-directory.ts'

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))
const FLAG = '--disable-warning=ExperimentalWarning'
const START_WITHIN_MS = 20_000
/** A node stops within five seconds by itself. */
const STOP_WITHIN_MS = 6_000
const POLL_MS = 20

export interface NodeProcess {
  readonly name: string
  readonly directory: string
  readonly endpoints: Endpoints
  readonly client: ControlClient
  /** @returns the last lines of its log that tell of trouble */
  troubles(): readonly string[]
  /** Resolves when the process is gone; kills it if it does not go by itself, or `hurry` aborts. */
  stop(hurry: AbortSignal): Promise<void>
  /** Lets it live on after this process. */
  release(): void
}

/**
 * Starts the node of a directory and waits until it listens.
 * @param onSpawned is told at once how to end it, so that no failure leaves it behind
 * @param options.survive whether it may outlive this process
 * @throws CliError with what the node said, when it does not start
 */
export async function startNodeProcess(
  context: Context,
  options: {
    readonly name: string
    readonly directory: string
    readonly survive: boolean
    readonly onSpawned: (stop: (hurry: AbortSignal) => Promise<void>) => void
  },
): Promise<NodeProcess> {
  const { name, directory } = options
  const logFile = join(directory, 'node.log')
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, [FLAG, MAIN, 'start', '--dir', directory], {
    cwd: directory,
    stdio: ['ignore', 'ignore', log],
    // A process group of its own: Ctrl-C reaches it through this process only, in good order.
    detached: true,
  })
  closeSync(log)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  const stop = (hurry: AbortSignal): Promise<void> => stopProcess(context, child, exited, hurry)
  options.onSpawned(stop)
  const endpoints = await waitForEndpoints(context, child, options, logFile)
  return {
    name,
    directory,
    endpoints,
    client: new ControlClient({
      url: socketUrl(endpoints.controlSocket),
      signal: context.signal,
      unreachable: (reason) => `${name} does not answer any more: ${reason}${lastWords(logFile)}`,
    }),
    troubles: () => troublesIn(logFile),
    stop,
    release() {
      child.unref()
    },
  }
}

async function waitForEndpoints(
  { system, signal }: Context,
  child: ChildProcess,
  { name, directory }: { readonly name: string; readonly directory: string },
  logFile: string,
): Promise<Endpoints> {
  const end = system.clock.monotonic() + START_WITHIN_MS
  for (;;) {
    const endpoints = readEndpoints(directory)
    if (endpoints && endpoints.pid === child.pid) return endpoints
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new CliError(`${name} did not start${lastWords(logFile)}`)
    }
    if (system.clock.monotonic() > end) {
      throw new CliError(`${name} did not start within ${START_WITHIN_MS / 1000} s${lastWords(logFile)}`)
    }
    await sleep(system.clock, POLL_MS, signal)
  }
}

async function stopProcess(
  { system }: Context,
  child: ChildProcess,
  exited: Promise<string>,
  hurry: AbortSignal,
): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const { signal, done } = deadline(system.clock, STOP_WITHIN_MS, hurry)
  const kill = (): void => void child.kill('SIGKILL')
  if (signal.aborted) kill()
  else {
    signal.addEventListener('abort', kill, { once: true })
    child.kill('SIGTERM')
  }
  await exited
  done()
}

function lines(logFile: string): readonly string[] {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n')
  } catch {
    return []
  }
}

/** What it said that is no log entry: its complaint about itself. */
function lastWords(logFile: string): string {
  const words = lines(logFile).filter((line) => line !== '' && !line.startsWith('{'))
  return words.length === 0 ? '' : `:\n${words.slice(-5).join('\n')}`
}

const WARN = 40

function troublesIn(logFile: string): readonly string[] {
  return lines(logFile)
    .flatMap((line): readonly string[] => {
      try {
        const { level, msg, component, err } = JSON.parse(line) as {
          level: number
          msg?: string
          component?: string
          err?: { message?: string }
        }
        if (level <= WARN) return []
        return [[component, msg, err?.message].filter(Boolean).join(': ')]
      } catch {
        return []
      }
    })
    .slice(-5)
}
