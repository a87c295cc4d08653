import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Clock, realSystem } from '../kernel/system.ts'
import { opened, sendChunks, STALLED_CLIENT_MS } from './streaming.ts'

describe('sendChunks', () => {
  it('drops a client that does not read, and stops the source', async () => {
    let fire: (() => void) | undefined
    const clock: Clock = {
      ...realSystem.clock,
      after(ms, callback) {
        expect(ms).toBe(STALLED_CLIENT_MS)
        fire = callback
        return { cancel: () => (fire = undefined) }
      },
    }
    let ended = false
    const endless = async function* (): AsyncGenerator<string> {
      try {
        for (;;) yield 'x'.repeat(100_000)
      } finally {
        ended = true
      }
    }
    let failure: unknown
    const response = await pausedResponse((raw) => {
      sendChunks(raw, endless(), clock, new AbortController().signal).catch(
        (error: unknown) => (failure = error),
      )
    })
    await expect.poll(() => fire).toBeDefined()
    // The operating system's buffers fill first: only a wait that does not end is a stalled client.
    await expect
      .poll(() => {
        fire?.()
        return failure
      })
      .toBeDefined()
    expect(ended).toBe(true)
    expect(response.destroyed).toBe(true)
  })
})

/** @returns a response whose client reads nothing */
async function pausedResponse(serve: (raw: ServerResponse) => void): Promise<ServerResponse> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>()
  const server = createServer((_request, response) => {
    serve(response)
    resolve(response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const client = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, (answer) =>
    answer.pause(),
  )
  client.on('error', () => undefined)
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  return promise
}

describe('opened', () => {
  it('throws what fails at once', async () => {
    // eslint-disable-next-line require-yield
    const failing = (async function* () {
      throw new Error('at once')
    })()
    await expect(opened(failing, realSystem.clock)).rejects.toThrow('at once')
  })

  it('passes everything on, the first included', async () => {
    const source = (async function* () {
      yield 1
      yield 2
    })()
    const seen: number[] = []
    for await (const value of await opened(source, realSystem.clock)) seen.push(value)
    expect(seen).toEqual([1, 2])
  })
})
