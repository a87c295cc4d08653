/**
 * Waiting for something that others wait for as well.
 */
import { abortedBy } from './transport-error.ts'

/**
 * Lets one waiter go without disturbing the others.
 * @param peer whom to name in the error
 * @throws TransportError `aborted` or `timeout` when the signal aborts first
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal, peer: string): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortedBy(signal, peer))
    const onAbort = (): void => reject(abortedBy(signal, peer))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
