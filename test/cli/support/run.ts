/**
 * Runs the command line in this process, with streams of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type Context, runCli } from '../../../src/cli/index.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

class Collector extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

export interface RunOptions {
  readonly stdin?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** @returns what came out, while the command runs, and its result */
export function begin(args: readonly string[], options: RunOptions = {}) {
  const stdout = new Collector()
  const stderr = new Collector()
  const context: Partial<Context> = {
    stdin: Readable.from([options.stdin ?? '']),
    stdout,
    stderr,
    cwd: options.cwd ?? process.cwd(),
    env: { HOME: '/nowhere', ...options.env },
    ...(options.signal ? { signal: options.signal } : {}),
  }
  const done = runCli(args, context).then((code): Ran => ({ code, out: stdout.text, err: stderr.text }))
  return {
    get out() {
      return stdout.text
    },
    get err() {
      return stderr.text
    },
    done,
  }
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return begin(args, options).done
}

/** A folder that goes when the test is finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
