/**
 * Benchmarks run server and client in processes of their own, so that neither measures the other's work.
 *
 * A worker is a script that calls `serve`; `startWorker` starts it and calls its methods.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'

/** What a worker offers; arguments and results pass through structured clone. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>

export interface Worker<M extends Methods> {
  readonly pid: number
  /** @throws Error with the message of what the method threw, or when the worker is gone */
  call<Name extends keyof M & string>(
    method: Name,
    ...argument: Parameters<M[Name]>
  ): Promise<Awaited<ReturnType<M[Name]>>>
  /** Graceful, then not. Idempotent. */
  stop(): Promise<void>
}

interface Question {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

type Answer =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string }

const STOP = '(stop)'
const STOP_LIMIT_MS = 10_000

/**
 * @param script a file of `bench/workers/`
 * @param execArgv further arguments of Node
 */
export function startWorker<M extends Methods>(script: string, execArgv: readonly string[] = []): Worker<M> {
  const child = fork(new URL(`../workers/${script}`, import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const exited = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} has ended`))
    waiting.clear()
  })
  child.on('message', (answer: Answer) => {
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer) one?.reject(new Error(`${script}: ${answer.error}`))
    else one?.resolve(answer.result)
  })
  let next = 0
  const ask = (method: string, argument: unknown): Promise<unknown> => {
    if (!child.connected) return Promise.reject(new Error(`${script} has ended`))
    const answer = Promise.withResolvers<unknown>()
    const question: Question = { id: next++, method, argument }
    waiting.set(question.id, answer)
    child.send(question)
    return answer.promise
  }
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await ask(STOP, undefined).catch(() => undefined)
    await exited
    clearTimeout(limit)
  }
  return {
    pid: child.pid!,
    call: (method, ...argument) => ask(method, argument[0]) as never,
    stop: () => (stopping ??= stop()),
  }
}

/**
 * Answers the calls of the process that started this one.
 * @param stop frees everything, so that the process ends by itself
 */
export function serve(methods: Methods, stop: () => Promise<void> = () => Promise.resolve()): void {
  const answer = async ({ id, method, argument }: Question): Promise<void> => {
    const send = (reply: Answer): boolean | undefined => process.send?.(reply)
    try {
      if (method === STOP) {
        await stop()
        send({ id, result: undefined })
        process.disconnect()
        return
      }
      send({ id, result: await methods[method]!(argument as never) })
    } catch (error) {
      send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  process.on('message', (question: Question) => void answer(question))
  // The parent is gone: so is the reason to be here.
  process.on('disconnect', () => void stop())
}

/** @returns the processor time that this process has used, in milliseconds: what other programs do does not count */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** @returns bytes in memory after everything that can be freed was; needs `--expose-gc` */
export async function memoryAfterCollection(): Promise<{ readonly rss: number; readonly used: number }> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    // What is freed may hold on to more, which the next round frees.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, used: heapUsed + external }
}
