/** What of this machine the holder of a pod's network needs to run: Node, its libraries, its program. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** As the holder sees them. */
export const HOLDER_NODE = '/tributary/node'
export const HOLDER_MAIN = '/tributary/holder-main.ts'
export const HOLDER_SOCKETS = '/tributary/sockets'

/**
 * @returns binds, all of them read-only
 * @throws Error when it cannot be found out what Node is linked with
 */
export async function holderBinds(): Promise<readonly string[]> {
  const node = process.execPath
  const { stdout } = await run('ldd', [node])
  const libraries = Array.from(stdout.matchAll(/(?:=>\s+)?(\/\S+)\s+\(0x/g), ([, path]) => path!)
  const main = fileURLToPath(new URL('./holder-main.ts', import.meta.url))
  return [
    `${node}:${HOLDER_NODE}:ro`,
    `${main}:${HOLDER_MAIN}:ro`,
    ...new Set(libraries.map((path) => `${path}:${path}:ro`)),
  ]
}
