/**
 * The sqlite store: all objects in memory, every change in one database file before it is acknowledged.
 * For a laptop, an edge box, tests; one process per file.
 */
import type { Log } from '../../kernel/log.ts'
import type { OpenedStore } from '../../kernel/opened-store.ts'
import type { Sealer } from '../../kernel/sealer.ts'
import type { System } from '../../kernel/system.ts'
import { ObjectTable } from '../object-table.ts'
import { openTableStore, type Journal } from '../table-store.ts'
import { openDatabase } from './database.ts'

export interface SqliteStoreOptions {
  /** The database file; made, with its folders, when it is not there. */
  readonly path: string
  readonly system: System
  readonly log: Log
  /** Encrypts what is confidential; without, objects of confidential kinds are refused. */
  readonly sealer?: Sealer
  /** How many changes of each kind are remembered for watches; none of them survives a restart. */
  readonly historyLimit?: number
  /** The largest object, in bytes of its JSON; 1.5 MiB unless given. One that is there already may be larger. */
  readonly objectBytes?: number
  /** Writes that would make the file larger than about this many bytes are refused with `Unavailable`. */
  readonly maxBytes?: number
  /** Called after each commit with the number of changes in it; for metrics. */
  readonly onCommit?: (changes: number) => void
}

/**
 * Opens, and holds until `close`, the database file.
 *
 * Writes asked for in one turn of the event loop share one transaction; their promises resolve after
 * its commit; deferrable ones a few milliseconds later, unless others come before. Where the commit fails all of them
 * are rejected with `Unavailable` and nothing changed.
 *
 * @throws StoreError `Unavailable`: in use by another process, damaged, not writable, of a later format, sealed with
 * another key
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<OpenedStore> {
  const { path, system, historyLimit, objectBytes, maxBytes, sealer, onCommit } = options
  const log = options.log.child({ component: 'store', path })
  const database = openDatabase({
    path,
    ...(maxBytes !== undefined && { maxBytes }),
    ...(sealer && { sealer }),
    ...(onCommit && { onCommit: (changes) => onCommit(changes.length) }),
  })
  try {
    const table = new ObjectTable({
      system,
      revision: database.revision,
      keepsConfidential: sealer !== undefined,
      ...(historyLimit !== undefined && { historyLimit }),
      ...(objectBytes !== undefined && { objectBytes }),
    })
    let count = 0
    for (const { resource, object } of database.objects()) {
      table.load(resource, object)
      count++
    }
    log.debug({ objects: count, revision: database.revision }, 'database opened')
    const journal: Journal = {
      record(changes) {
        try {
          database.record(changes)
        } catch (error) {
          log.error({ err: error, writes: changes.length }, 'writes could not be recorded')
          throw error
        }
      },
      check: () => database.check(),
      close: () => database.close(),
    }
    return openTableStore(table, { journal, clock: system.clock })
  } catch (error) {
    database.close()
    throw error
  }
}
