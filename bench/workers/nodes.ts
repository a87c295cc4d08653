/** Several real nodes in one process: neighbours, of which there have to be many. */
import { startNode, type NodeHandle } from '../../src/node/start-node.ts'
import { serve } from '../lib/worker.ts'

const running: NodeHandle[] = []

const stop = async (): Promise<void> => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
}

/** What may be asked of it. */
export const nodesMethods = {
  /** Starts the nodes of these directories, one after the other. */
  async start({ directories }: { directories: readonly string[] }) {
    const started: { readonly id: string; readonly address: string }[] = []
    for (const directory of directories) {
      const node = await startNode({ directory })
      running.push(node)
      started.push({ id: node.id, address: node.rearAddress })
    }
    return started
  },
}

serve(nodesMethods, stop)
