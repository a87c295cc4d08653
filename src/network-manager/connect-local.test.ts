import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { connectLocal } from './connect-local.ts'

it('does not take the socket of a forwarder for the port behind it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tributary-reach-'))
  const path = join(directory, '80.sock')
  const server = createServer((socket) => void socket.resume())
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const { signal } = new AbortController()
  const reach = (up: boolean) => ({ path, isUp: () => Promise.resolve(up) })
  await expect(connectLocal(reach(false), signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  const socket = await connectLocal(reach(true), signal)
  socket.destroy()
})
