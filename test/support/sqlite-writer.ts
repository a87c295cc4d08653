/**
 * A process that writes to a sqlite store as fast as it can, and prints what was acknowledged,
 * until it is killed. Run by the store's crash test: `node sqlite-writer.ts <database> <prefix>`.
 */
import { writeSync } from 'node:fs'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { openSqliteStore } from '../../src/store/sqlite/index.ts'
import { WIDGET, widget } from './widget.ts'

const [path, prefix] = process.argv.slice(2)
const { store } = await openSqliteStore({ path: path!, system: realSystem, log: silentLog })
const writer = async (lane: number): Promise<void> => {
  for (let count = 0; ; count++) {
    const name = `${prefix}-${lane}-${count}`
    const created = await store.create(WIDGET, widget(name, 0))
    const updated = await store.update(WIDGET, { ...created, spec: { size: count } })
    // Synchronous: the line is with the parent before the next write begins.
    writeSync(1, `${name} ${updated.metadata.resourceVersion}\n`)
  }
}
await Promise.all([0, 1, 2, 3, 4].map(writer))
