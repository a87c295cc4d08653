/**
 * The golden captures: what unmodified upstream nodes said to one another, byte for byte.
 *
 * `>>>` begins a request, `<<<` a response.
 */
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('.', import.meta.url)

export interface CapturedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface CapturedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Capture {
  readonly name: string
  readonly request: CapturedRequest
  readonly response: CapturedResponse
}

function parse(text: string): { first: string; headers: Record<string, string>; body: string } {
  const end = text.indexOf('\n\n')
  const [first = '', ...lines] = text.slice(0, end).split('\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const raw = text.slice(end + 2)
  // One chunk: its length, itself, and the empty last one.
  const body = headers['transfer-encoding'] === 'chunked' ? (raw.split('\n')[1] ?? '') : raw.trimEnd()
  return { first, headers, body }
}

/** @returns every capture, by name. */
export function captures(): readonly Capture[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.http'))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      const split = text.indexOf('\n<<< ')
      const request = parse(text.slice('>>> '.length, split + 1))
      const response = parse(text.slice(split + '\n<<< '.length))
      const [method = '', path = ''] = request.first.split(' ')
      return {
        name: file.replace(/\.http$/, ''),
        request: { method, path, headers: request.headers, body: request.body },
        response: {
          status: Number(response.first.split(' ')[1]),
          headers: response.headers,
          body: response.body,
        },
      }
    })
}
