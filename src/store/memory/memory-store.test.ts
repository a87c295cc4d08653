import { objectStoreConformance } from '../../../test/conformance/object-store.ts'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { createMemoryStore } from './index.ts'

const objectBytes = 20_000
const historyLimit = 500

objectStoreConformance('memory', async () => {
  const { system, advance } = createSimulatedSystem(1)
  const { store } = createMemoryStore({ system, historyLimit, objectBytes })
  return { store, historyLimit, objectBytes, advance, close: () => store.close() }
})
