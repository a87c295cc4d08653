/**
 * A directory for files that must not get onto a disk: of Secrets that pods have as files. In memory where this machine
 * has such a place, else below the node's own directory; for its owner alone.
 */
import { lstat, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { shortHash } from './names.ts'

/** @returns an empty directory, the same for the same `directory`, which is the node's own */
export async function memoryDirectory(directory: string): Promise<string> {
  const name = `tributary-${shortHash(directory, 16)}`
  const places = [process.env['XDG_RUNTIME_DIR'], process.platform === 'linux' ? '/dev/shm' : undefined]
  for (const place of places) {
    if (!place) continue
    const path = join(place, name)
    if (await madeEmpty(path)) return path
  }
  const path = join(directory, 'volumes')
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}

/** Another user may have put something there: that is left alone, and not used. */
async function madeEmpty(path: string): Promise<boolean> {
  try {
    const there = await lstat(path).catch(() => undefined)
    if (there !== undefined) {
      if (!there.isDirectory() || there.uid !== process.getuid?.()) return false
      await rm(path, { recursive: true })
    }
    await mkdir(path, { mode: 0o700 })
    return true
  } catch {
    return false
  }
}
