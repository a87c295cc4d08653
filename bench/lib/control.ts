/** The control API of a node, as far as a benchmark needs it: through its socket. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch } from 'undici'

const LIMIT_MS = 30_000

interface Listed {
  readonly metadata: { readonly resourceVersion: string }
  readonly items: readonly unknown[]
}

export class Control {
  readonly #dispatcher: Agent

  /** @param socketPath as `controlSocket` of a node says */
  constructor(socketPath: string) {
    this.#dispatcher = new Agent({ connect: { socketPath } })
  }

  /** @throws Error unless the answer is a success; a `GET` of what is not there gives undefined */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://localhost${path}`, {
      dispatcher: this.#dispatcher,
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    const text = await response.text()
    if (method === 'GET' && response.status === 404) return undefined
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text)
  }

  /** @returns how many objects a collection has */
  async count(path: string): Promise<number> {
    return ((await this.call('GET', path)) as Listed).items.length
  }

  /**
   * Watches a collection from now on.
   * @returns what finds the first object that `wanted` gets something from, or rejects after a while
   */
  async watch<T>(path: string, wanted: (object: unknown) => T | undefined): Promise<() => Promise<T>> {
    const { metadata } = (await this.call('GET', path)) as Listed
    const response = await fetch(
      `http://localhost${path}?watch=1&resourceVersion=${metadata.resourceVersion}`,
      {
        dispatcher: this.#dispatcher,
        signal: AbortSignal.timeout(LIMIT_MS),
      },
    )
    const lines = response.body!.pipeThrough(new TextDecoderStream())
    return async () => {
      let rest = ''
      for await (const chunk of lines) {
        const parts = (rest + chunk).split('\n')
        rest = parts.pop()!
        for (const line of parts) {
          const found = wanted((JSON.parse(line) as { object: unknown }).object)
          // Leaving the loop ends the watch.
          if (found !== undefined) return found
        }
      }
      throw new Error(`${path}: the watch ended`)
    }
  }
}

/** Waits, asking often, until `condition` holds. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${LIMIT_MS} ms: ${what}`)
    await sleep(5)
  }
}
