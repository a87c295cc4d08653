/**
 * The log of one container: a file of limited size with one predecessor, that can be followed.
 */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'

/** Bytes of one file; two are kept at most. */
export const LOG_LIMIT_BYTES = 10 * 1024 * 1024

export interface ReadLogOptions {
  /** Goes on with what is written later, until the log is closed. */
  readonly follow?: boolean
  /** Begins with the last so many lines; with the first that are kept, unless given. */
  readonly tailLines?: number
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
}

export class LogFile {
  readonly #path: string
  readonly #limitBytes: number
  #file: FileHandle | undefined
  #size = 0
  /** Counts rotations, so that a reader notices. */
  #turn = 0
  #writing: Promise<void> = Promise.resolve()
  #closed = false
  #waiters: (() => void)[] = []

  /** The file is made by the first append; an older one of this path is continued. */
  constructor(path: string, limitBytes: number = LOG_LIMIT_BYTES) {
    this.#path = path
    this.#limitBytes = limitBytes
  }

  /** Resolves when `chunk` is in the file; in the order of the calls. */
  append(chunk: Buffer): Promise<void> {
    // One failure (a full disk) does not lose what comes later.
    return this.#exclusively(() => this.#write(chunk))
  }

  /** @returns the last lines, at most `bytes` of them; empty when there are none */
  async tail(bytes: number): Promise<string> {
    await this.#writing
    const text = await readOrEmpty(this.#path)
    return text.subarray(Math.max(0, text.length - bytes)).toString()
  }

  /** Ends those who follow. What comes later is not written. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writing
    await this.#file?.close()
    this.#file = undefined
    this.#wake()
  }

  /** @yields pieces of text, not always whole lines */
  async *read({ follow = false, tailLines, signal }: ReadLogOptions = {}): AsyncGenerator<string> {
    const decoder = new StringDecoder('utf8')
    // Nothing is written, and no file rotated, while we look where we begin.
    let reader = await this.#exclusively(async () => {
      const older = await readOrEmpty(`${this.#path}.1`)
      const current = tailLines === undefined ? Buffer.alloc(0) : await readOrEmpty(this.#path)
      return { ...(await this.#openReader()), offset: current.length, text: Buffer.concat([older, current]) }
    })
    try {
      const text = decoder.write(reader.text)
      const first = tailLines === undefined ? text : lastLines(text, tailLines)
      if (first !== '') yield first
      for (;;) {
        const rotated = reader.turn !== this.#turn
        const ended = this.#closed
        for await (const chunk of chunksOf(reader.file, reader.offset)) {
          if (signal?.aborted) return
          reader.offset += chunk.length
          yield decoder.write(chunk)
        }
        if (signal?.aborted) return
        if (rotated || (reader.file === undefined && !ended)) {
          // All of that file has been read: the next one, or the first one at last.
          if (!rotated && follow) await this.#change(reader.turn, 0, signal)
          await reader.file?.close()
          const next = await this.#exclusively(() => this.#openReader())
          if (next.file === undefined && !follow) return
          reader = { ...next, offset: 0, text: reader.text }
        } else if (reader.turn === this.#turn) {
          if (!follow || ended) return
          await this.#change(reader.turn, reader.offset, signal)
        }
      }
    } finally {
      await reader.file?.close()
    }
  }

  async #openReader(): Promise<{ readonly file: FileHandle | undefined; readonly turn: number }> {
    const turn = this.#turn
    try {
      return { file: await open(this.#path, 'r'), turn }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return { file: undefined, turn }
    }
  }

  /** Runs `work` while nothing is written. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work)
    this.#writing = done.then(
      () => {},
      () => {},
    )
    return done
  }

  /** Resolves when the file has more than `offset` bytes, was rotated or closed, or the signal aborts. */
  async #change(turn: number, offset: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#writing
    if (this.#size > offset || this.#turn !== turn || this.#closed || signal?.aborted) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal?.removeEventListener('abort', done)
        resolve()
      }
      this.#waiters.push(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  async #write(chunk: Buffer): Promise<void> {
    if (this.#closed) return
    if (this.#file !== undefined && this.#size + chunk.length > this.#limitBytes) {
      await this.#file.close()
      this.#file = undefined
      await rename(this.#path, `${this.#path}.1`)
      this.#turn++
    }
    if (this.#file === undefined) {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      this.#file = await open(this.#path, 'a', 0o600)
      this.#size = (await this.#file.stat()).size
    }
    await this.#file.appendFile(chunk)
    this.#size += chunk.length
    this.#wake()
  }
}

async function readOrEmpty(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

const CHUNK_BYTES = 65_536

async function* chunksOf(file: FileHandle | undefined, start: number): AsyncGenerator<Buffer> {
  for (let at = start; file !== undefined;) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(CHUNK_BYTES), position: at })
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function lastLines(text: string, count: number): string {
  const lines = text.split('\n')
  const ending = lines.at(-1) === '' ? 1 : 0
  return lines.slice(Math.max(0, lines.length - count - ending)).join('\n')
}
