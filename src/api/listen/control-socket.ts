/**
 * The Unix socket of the control API. The file system says who may open it, and who may is the node's owner: the
 * socket has mode 0600 in a folder of mode 0700.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { closeServer, LIMITS } from './server-limits.ts'

/** What fits into the kernel's address of a socket, in bytes. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103

/** @returns a server that does not listen yet */
export function socketServer(handle: RequestListener): Server {
  return createServer(LIMITS, handle)
}

/**
 * Has a server listen on a socket. What was at the path before is removed: whoever calls this owns the directory.
 * @param wanted where; where the path is too long for a socket, it is in a folder of its own elsewhere
 * @param runtimeDirectory the user's own for sockets (`$XDG_RUNTIME_DIR`), if there is one
 * @returns the path, and `close`, which ends the server and takes away what was made
 * @throws the system's error
 */
export async function listenOnSocket(
  server: Server,
  wanted: string,
  runtimeDirectory: string | undefined,
): Promise<{ readonly path: string; readonly close: () => Promise<void> }> {
  const isShort = Buffer.byteLength(wanted) <= LONGEST_PATH
  const path = isShort ? wanted : join(await ownFolder(runtimeDirectory), 'control.sock')
  const remove = (): Promise<void> => rm(isShort ? path : dirname(path), { recursive: !isShort, force: true })
  if (isShort) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // It may have been made by an earlier version, or by hand.
    await chmod(dirname(path), 0o700)
    await rm(path, { force: true })
  }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    await chmod(path, 0o600)
  } catch (error) {
    await remove()
    throw error
  }
  return { path, close: () => closeServer(server).finally(remove) }
}

/** Made with mode 0700, under a name that nobody could take before. */
async function ownFolder(runtimeDirectory: string | undefined): Promise<string> {
  for (const parent of [runtimeDirectory, tmpdir()]) {
    if (parent === undefined || Buffer.byteLength(parent) > LONGEST_PATH - 40) continue
    try {
      return await mkdtemp(join(parent, 'tributary-'))
    } catch {
      // Not there, or not writable: the next one.
    }
  }
  return mkdtemp('/tmp/tributary-')
}
