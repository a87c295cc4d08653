/** `tributary start` where another process may act for the same node: who loses its place ends, and says why. */
import { appendFileSync, cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { EXIT } from '../../src/cli/cli-error.ts'
import { untilEnd } from '../../src/cli/start.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { startNode, type NodeHandle } from '../../src/node/start-node.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { openRemoteStore, startRemoteServer } from '../support/remote-store/index.ts'
import { run, temporaryFolder } from './support/run.ts'

const handles: NodeHandle[] = []
afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.stop()))
})

it('ends a process that lost its place with a message and a code of its own; the other acts', async () => {
  const folder = temporaryFolder()
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await run(['init', '--dir', one, '--name', 'alpha'])
  const anyPort = "\nrear: { listen: '127.0.0.1:0' }\ncontrol: { listen: '127.0.0.1:0' }\n"
  appendFileSync(join(one, 'config.yaml'), anyPort)
  cpSync(one, two, { recursive: true })
  const server = await startRemoteServer({ system: realSystem, kinds: ALL_KINDS })
  const begin = async (directory: string) => {
    const opened = openRemoteStore({
      server,
      system: realSystem,
      faults: { latencyMs: [0, 1], watchLagMs: 5 },
    })
    const handle = await startNode({ directory, log: silentLog, openStore: () => Promise.resolve(opened) })
    handles.push(handle)
    return { handle, store: opened.store }
  }
  const first = await begin(one)
  await vi.waitFor(() => expect(first.handle.node.process.role).toBe('active'), { timeout: 15_000 })
  const second = await begin(two)

  expect(second.handle.id).toBe(first.handle.id)
  expect(second.handle.node.process).toMatchObject({ role: 'standby' })
  // The one that waits can be read, and says of writes why it takes none.
  expect(await run(['get', 'nodes', '--dir', two])).toMatchObject({ code: 0 })
  const stdin = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: team }\n'
  const refused = await run(['apply', '-f', '-', '--dir', two], { stdin })
  expect(refused.code).not.toBe(0)
  expect(refused.err).toContain('another process acts for this node')

  const never = new AbortController().signal
  const context = { signal: never, hurry: never, system: realSystem }
  const ended = untilEnd(context, first.handle).catch((error: unknown) => error)
  first.store.setFaults({ requestLost: 1 })
  expect(await ended).toMatchObject({
    name: 'CliError',
    exitCode: EXIT.lost,
    message: expect.stringContaining('alpha: this process acts for the node no more'),
  })
  await vi.waitFor(() => expect(second.handle.node.process.role).toBe('active'), { timeout: 15_000 })
  await Promise.all(handles.splice(0).map((handle) => handle.stop()))
  await server.stop()
})

it('ends without a word of it where the user ends it', async () => {
  const hurry = new AbortController().signal
  const signal = AbortSignal.abort()
  const handle = { name: 'alpha', lost: new Promise<void>(() => undefined), stop: () => Promise.resolve() }
  await expect(untilEnd({ signal, hurry, system: realSystem }, handle)).resolves.toBeUndefined()
})
