import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { objectStoreConformance } from '../../../test/conformance/object-store.ts'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { silentLog } from '../../kernel/log.ts'
import { openSqliteStore } from './index.ts'

const objectBytes = 20_000
const historyLimit = 50

objectStoreConformance('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-store-'))
  const { system, advance } = createSimulatedSystem(1)
  const { store } = await openSqliteStore({
    path: join(folder, 'state.db'),
    system,
    log: silentLog,
    historyLimit,
    objectBytes,
  })
  return {
    store,
    historyLimit,
    objectBytes,
    advance,
    async close() {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
})
