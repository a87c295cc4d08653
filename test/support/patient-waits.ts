/**
 * Set up before each test file: `vi.waitFor` gives up after a second unless told otherwise, which a busy machine
 * needs for anything that involves a process or a socket. How long a wait may take is not what a test is about.
 */
import { vi } from 'vitest'

const PATIENCE_MS = 30_000
const { waitFor } = vi

vi.waitFor = (callback, options) =>
  waitFor(callback, {
    timeout: PATIENCE_MS,
    ...(typeof options === 'number' ? { timeout: options } : options),
  })
