/** A container of an engine that runs: its output, its end, commands beside it. */
import type Docker from 'dockerode'
import type { Readable } from 'node:stream'
import type { System, Timer } from '../../../../kernel/system.ts'
import {
  type ContainerSpec,
  type ExecSpec,
  type ProcessExit,
  RunnerError,
  type RunningContainer,
  type RunningProcess,
} from '../../runner.ts'
import { signalProcess } from '../programs.ts'
import { framesOf } from './frames.ts'

const KILLED: ProcessExit = { code: null, signal: 'SIGKILL', oomKilled: false }

/**
 * Starts a container that was made, and removes it when it has ended.
 * @throws RunnerError `spawn-failed`; the container is gone then
 */
export async function startContainer(
  system: System,
  container: Docker.Container,
  { output }: Pick<ContainerSpec, 'output'>,
  image: { readonly id: string },
): Promise<RunningContainer> {
  let stream: NodeJS.ReadWriteStream
  try {
    stream = await container.attach({ stream: true, stdout: true, stderr: true, hijack: true })
    await container.start()
  } catch (error) {
    await container.remove({ force: true, v: true }).catch(() => {})
    throw new RunnerError('spawn-failed', reasonOf(error), { cause: error })
  }
  const written = pour(stream as unknown as Readable, output)
  const exited = (async (): Promise<ProcessExit> => {
    const code = await exitCodeOf(container)
    // What it wrote last is still on its way.
    await written
    const oomKilled = await container.inspect().then(
      ({ State }) => State.OOMKilled,
      () => false,
    )
    await container.remove({ force: true, v: true }).catch(() => {})
    return code === undefined ? KILLED : { code, signal: null, oomKilled }
  })()
  let hard: Timer | undefined
  const kill = (): void => void container.kill({ signal: 'SIGKILL' }).catch(() => {})
  void exited.finally(() => hard?.cancel())
  return {
    containerID: `docker://${container.id}`,
    imageID: image.id,
    exited,
    kill(graceMs) {
      hard?.cancel()
      if (graceMs <= 0) kill()
      else {
        void container.kill({ signal: 'SIGTERM' }).catch(() => {})
        hard = system.clock.after(graceMs, kill)
      }
      return exited
    },
    exec: (spec) => execIn(container, spec),
  }
}

/** The engine is asked again where the connection breaks: a container that is no more has ended. */
async function exitCodeOf(container: Docker.Container): Promise<number | undefined> {
  for (;;) {
    try {
      return ((await container.wait()) as { StatusCode: number }).StatusCode
    } catch (error) {
      const known = await container.inspect().catch(() => undefined)
      if (known === undefined || (error as { statusCode?: number }).statusCode === 404) return undefined
      if (!known.State.Running) return known.State.ExitCode
    }
  }
}

async function execIn(container: Docker.Container, { command, output }: ExecSpec): Promise<RunningProcess> {
  let exec: Docker.Exec
  let stream: Readable
  try {
    exec = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true })
    stream = await exec.start({ hijack: true, stdin: false })
  } catch (error) {
    throw new RunnerError('spawn-failed', reasonOf(error), { cause: error })
  }
  let killed = false
  const exited = (async (): Promise<ProcessExit> => {
    await pour(stream, output)
    if (killed) return KILLED
    const { ExitCode } = await exec.inspect().catch(() => ({ ExitCode: null }))
    return ExitCode === null ? KILLED : { code: ExitCode, signal: null, oomKilled: false }
  })()
  return {
    containerID: `docker://${container.id}/${exec.id}`,
    exited,
    kill() {
      killed = true
      void exec.inspect().then(
        ({ Running, Pid }) => {
          // Only root and the engine's own user may; for others it ends with its container.
          if (Running && Pid > 0) signalProcess(Pid, 'SIGKILL')
          stream.destroy()
        },
        () => stream.destroy(),
      )
      return exited
    },
  }
}

async function pour(stream: Readable, output: ContainerSpec['output']): Promise<void> {
  try {
    for await (const frame of framesOf(stream)) await output(frame)
  } catch {
    // The connection broke; how the program ended is asked elsewhere.
  }
}

/** @returns what the engine says, without the words around it */
export function reasonOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: unknown; cause?: unknown }; message: string }
  return typeof json?.message === 'string' ? json.message : message
}
