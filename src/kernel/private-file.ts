/** Writes small files that must never be seen half written, nor by others than their owner. */
import { open, rename, unlink } from 'node:fs/promises'

const SECRET_MODE = 0o600

/**
 * Replaces a file in one step; whoever reads it meanwhile has the old text or the new one.
 * @param options.exclusive refuse while somebody else is replacing it: two who read, change and write do not
 *   lose each other's change
 * @param options.text asked for only once the file is ours to replace
 * @throws the system's error (`EEXIST` when somebody else is at it) or what `text` throws; the file is untouched then
 */
export async function replacePrivateFile(
  path: string,
  options: { readonly exclusive?: boolean; readonly text: () => string | Promise<string> },
): Promise<void> {
  const draft = `${path}.new`
  const file = await open(draft, options.exclusive ? 'wx' : 'w', SECRET_MODE)
  try {
    try {
      await file.chmod(SECRET_MODE)
      await file.writeFile(await options.text())
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw error
  }
}
