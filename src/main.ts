/**
 * The program. Turns the process's arguments, signals and streams into one run of the command line.
 */
import { enableCompileCache } from 'node:module'
import process from 'node:process'

// What was compiled once need not be compiled at every start.
enableCompileCache()

const first = new AbortController()
const second = new AbortController()
const onSignal = (): void => {
  if (first.signal.aborted) second.abort()
  first.abort()
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)

// `tributary get … | head` closes our standard output: nobody wants to hear more.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

const { runCli } = await import('./cli/index.ts')
const exitCode = await runCli(process.argv.slice(2), { signal: first.signal, hurry: second.signal })
// A pipe may still hold what was written; only then is the process done.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  ),
)
process.exit(exitCode)
