/** What programs of others are likely to run in on this machine, before anything has been tried: for `tributary init`. */
import { engineSockets, findEngine } from './runners/container/find-engine.ts'
import { findTool } from './runners/process/isolation.ts'
import { INSTALL } from './choose-runner.ts'

/** @returns for people; what to install where there is nothing */
export async function expectedRunners(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const engine = await findEngine(engineSockets(environment))
  const found = [
    'reasons' in engine ? undefined : `containers of ${engine.name}`,
    findTool('bwrap') === undefined ? undefined : 'sandboxes of bubblewrap',
  ].filter((each) => each !== undefined)
  return found.length > 0 ? `${found.join(', ')}, if they work (tributary status)` : `nothing yet: ${INSTALL}`
}
