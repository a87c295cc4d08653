/** Keeps a node's directory to its owner: key, Secrets and the socket that asks for no password are in there. */
import { chmod, stat } from 'node:fs/promises'
import { CliError } from './cli-error.ts'
import { shellWord } from './node-directory.ts'

const OWNER_ONLY = 0o700

/**
 * Takes from others what they may do to the directory.
 * @returns its mode before, where that was wider; undefined where there was nothing to do
 * @throws CliError when it is somebody else's, so that he could open it again
 */
export async function tightenDirectory(directory: string): Promise<number | undefined> {
  // Windows has no such modes.
  if (process.platform === 'win32') return undefined
  const { mode } = await stat(directory)
  const wide = mode & 0o777
  if ((wide & ~OWNER_ONLY) === 0) return undefined
  try {
    await chmod(directory, wide & OWNER_ONLY)
  } catch (cause) {
    throw new CliError(
      `${directory} is open to others (mode ${octal(wide)}), and only its owner can change that\n` +
        `Let its owner run: chmod 700 ${shellWord(directory)}\nor use a directory of your own with --dir DIR`,
      undefined,
      { cause },
    )
  }
  return wide
}

/** @returns a mode as `chmod` and `ls` users read it */
export function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`
}
