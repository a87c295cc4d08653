/**
 * Fetches a workload's page, as a browser would.
 */
import { request } from 'node:http'

export interface Page {
  readonly status: number
  readonly body: string
}

const WITHIN_MS = 10_000
/** A page larger than this is none of ours. */
const MAX_BYTES = 1024 * 1024

/** @throws Error when nobody answers, or not in time */
export function fetchPage(url: string, signal: AbortSignal): Promise<Page> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, timeout: WITHIN_MS, signal }, (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_BYTES) outgoing.destroy(new Error('the page is too large'))
        chunks.push(chunk)
      })
      incoming.on('error', reject)
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
      })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${WITHIN_MS / 1000} s`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
