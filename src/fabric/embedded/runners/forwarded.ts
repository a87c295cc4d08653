/** Ports of pods that are reached through a forwarder in their network (`forwarder.ts`, `holder-main.ts`). */
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Reach } from '../../reach.ts'
import type { ProbeTarget } from '../runner.ts'
import type { Prober } from './prober.ts'

type Forwarded = Extract<Reach, { readonly path: string }> & { isUp(signal: AbortSignal): Promise<boolean> }

/** @param directory of the forwarder's sockets: `<port>.sock`, and `<port>.up`, which says something while the port is up */
export function forwarded(directory: string, port: number): Forwarded {
  const at = join(directory, String(port))
  return { path: `${at}.sock`, isUp: (signal) => isUp(`${at}.up`, signal) }
}

/** @returns undefined when the target answers as it should, else what is wrong */
export async function probeForwarded(
  prober: Prober,
  target: ProbeTarget,
  reach: Forwarded | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (reach === undefined) return `port ${target.port} is not declared`
  if (!(await reach.isUp(signal))) return `nothing accepts connections on port ${target.port}`
  return target.kind === 'tcp' ? undefined : prober.probe(target, reach, signal)
}

function isUp(path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const end = (heard: boolean) => (): void => {
      signal.removeEventListener('abort', no)
      socket.destroy()
      resolve(heard)
    }
    const no = end(false)
    signal.addEventListener('abort', no, { once: true })
    socket.once('data', end(true)).once('error', no).once('close', no)
  })
}
