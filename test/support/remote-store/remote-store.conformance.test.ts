import { objectStoreConformance } from '../../conformance/object-store.ts'
import { createSimulatedSystem } from '../simulated-system.ts'
import { passTime } from '../pass-time.ts'
import { openRemoteStore, startRemoteServer } from './index.ts'

const objectBytes = 20_000
const historyLimit = 50

objectStoreConformance('remote', async () => {
  const simulation = createSimulatedSystem(1)
  const { system } = simulation
  const server = await startRemoteServer({ system, kinds: [], historyLimit, objectBytes })
  const { store } = openRemoteStore({ server, system: simulation.named('connection') })
  // Its calls take time, and so time passes.
  const passing = passTime(simulation)
  return {
    store,
    historyLimit,
    objectBytes,
    advance: (ms) => passing.advance(ms),
    async close() {
      await store.close()
      await passing.stop()
      await server.stop()
    },
  }
})
