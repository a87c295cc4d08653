/**
 * The log of one container: a file of limited size with one predecessor, that can be followed.
 */
import { createReadStream } from 'node:fs'
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
    const written = this.#writing.then(() => this.#write(chunk))
    // One failure (a full disk) must not lose what comes later.
    this.#writing = written.catch(() => {})
    return written
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
    await this.#writing
    const decoder = new StringDecoder('utf8')
    let turn = this.#turn
    let offset: number
    const older = await readOrEmpty(`${this.#path}.1`)
    if (tailLines === undefined) {
      if (older.length > 0) yield decoder.write(older)
      offset = 0
    } else {
      const current = await readOrEmpty(this.#path)
      offset = current.length
      const text = lastLines(Buffer.concat([older, current]).toString(), tailLines)
      if (text !== '') yield text
    }
    for (;;) {
      if (signal?.aborted) return
      const path = turn === this.#turn ? this.#path : `${this.#path}.1`
      const before = this.#turn
      const end = this.#closed
      for await (const chunk of readFrom(path, offset)) {
        offset += chunk.length
        yield decoder.write(chunk)
        if (signal?.aborted) return
      }
      if (turn !== before) {
        // The rest of the rotated file has been read.
        turn = this.#turn
        offset = 0
        continue
      }
      if (turn !== this.#turn) continue
      if (!follow || end) return
      await this.#change(offset, signal)
    }
  }

  /** Resolves when there is more than `offset` bytes, the file was rotated or closed, or the signal aborts. */
  async #change(offset: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#writing
    if (this.#size > offset || this.#closed || signal?.aborted) return
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

async function* readFrom(path: string, start: number): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { start })) yield chunk as Buffer
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function lastLines(text: string, count: number): string {
  const lines = text.split('\n')
  const ending = lines.at(-1) === '' ? 1 : 0
  return lines.slice(Math.max(0, lines.length - count - ending)).join('\n')
}
