import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { transportConformance } from '../conformance/transport.ts'
import { createSimulatedNetwork } from './simulated-network.ts'

let port = 1
transportConformance('simulated network', () => {
  const network = createSimulatedNetwork({ system: realSystem, seed: 1, log: silentLog })
  return Promise.resolve({
    transport: (identity) => network.transport(identity, `${identity.name}:${port++}`),
  })
})
