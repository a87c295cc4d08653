/**
 * The database file of the sqlite store: the only module that touches `node:sqlite`.
 *
 * It is held exclusively for as long as it is open: SQLite's own file lock, which the operating
 * system drops when the process dies in whatever way.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../../kernel/object-store.ts'
import type { KubeObject } from '../../objects/meta.ts'
import type { StagedChange } from '../object-table.ts'
import type { Journal } from '../table-store.ts'

/** `PRAGMA user_version` of the files this code writes. */
const FORMAT = 1
/** "Trib" in ASCII: marks the file as ours. */
const APPLICATION_ID = 0x54726962

/** SQLite's primary result codes that are told apart here. */
const SQLITE = { BUSY: 5, READONLY: 8, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

const SCHEMA = `
  CREATE TABLE objects (
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
  ) STRICT;
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES (1, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`

export interface StoredObject {
  readonly resource: string
  readonly object: KubeObject
}

export interface OpenDatabase extends Journal {
  /** The revision of the last recorded change. */
  readonly revision: number
  /** All objects, in the order of resource, namespace, name. */
  objects(): Iterable<StoredObject>
}

export interface DatabaseOptions {
  /** The file; made, with its folders, when it is not there. */
  readonly path: string
  /** The file grows no larger than about this many bytes. */
  readonly maxBytes?: number
  /** Called after each commit. */
  readonly onCommit?: (changes: readonly StagedChange[]) => void
}

/** @throws StoreError `Unavailable`: locked by another process, damaged, not ours, not writable */
export function openDatabase({ path, maxBytes, onCommit }: DatabaseOptions): OpenDatabase {
  let database: DatabaseSync
  try {
    mkdirSync(dirname(path), { recursive: true })
    createPrivately(path)
    database = new DatabaseSync(path)
  } catch (cause) {
    throw unavailable(path, cause)
  }
  try {
    prepare(database, path)
    if (maxBytes !== undefined) {
      const { page_size: pageSize } = database.prepare('PRAGMA page_size').get() as { page_size: number }
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`)
    }
    return journalOf(database, path, onCommit)
  } catch (cause) {
    database.close()
    throw unavailable(path, cause)
  }
}

/**
 * Makes the file, if it is not there, readable by its owner only: objects may hold what is nobody
 * else's business. SQLite gives its journal files the same mode.
 *
 * A file that is there must not even be opened: closing it again would drop, as POSIX has it, the
 * locks of another store of this process.
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function prepare(database: DatabaseSync, path: string): void {
  // Before the first access, so that the lock is taken by it and kept.
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  // An empty write takes the write lock, which exclusive mode then never lets go.
  database.exec('BEGIN IMMEDIATE')
  try {
    const { user_version: format } = database.prepare('PRAGMA user_version').get() as { user_version: number }
    const { application_id: application } = database.prepare('PRAGMA application_id').get() as {
      application_id: number
    }
    const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as {
      count: number
    }
    if (format === 0 && application === 0 && count === 0) {
      database.exec(SCHEMA)
    } else if (application !== APPLICATION_ID) {
      throw new StoreError('Unavailable', `${path} is a database of another program`)
    } else if (format !== FORMAT) {
      throw new StoreError(
        'Unavailable',
        `${path} has format ${format}; this version of the program knows format ${FORMAT}`,
      )
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
  const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  if (check.quick_check !== 'ok') {
    throw new StoreError('Unavailable', `the database ${path} is damaged: ${check.quick_check}`)
  }
}

function journalOf(
  database: DatabaseSync,
  path: string,
  onCommit: ((changes: readonly StagedChange[]) => void) | undefined,
): OpenDatabase {
  const { revision } = database.prepare('SELECT revision FROM state').get() as { revision: number }
  const put = database.prepare(
    `INSERT INTO objects (resource, namespace, name, revision, json) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, json = excluded.json`,
  )
  const drop = database.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?')
  const setRevision = database.prepare('UPDATE state SET revision = ?')

  const apply = (changes: readonly StagedChange[]): void => {
    // Of several changes of one object only the last is worth a row.
    const last = new Map(changes.map((change) => [`${change.resource}\0${change.tableKey}`, change]))
    for (const { resource, revision: at, after, event } of last.values()) {
      const { namespace = '', name } = event.object.metadata
      if (after === undefined) drop.run(resource, namespace, name)
      else put.run(resource, namespace, name, at, JSON.stringify(after))
    }
    setRevision.run(changes.at(-1)!.revision)
  }

  return {
    revision,
    *objects() {
      const rows = database
        .prepare('SELECT resource, namespace, name, json FROM objects ORDER BY resource, namespace, name')
        .iterate()
      for (const row of rows) {
        const { resource, namespace, name, json } = row as Record<
          'resource' | 'namespace' | 'name' | 'json',
          string
        >
        let object: KubeObject
        try {
          object = JSON.parse(json) as KubeObject
        } catch (cause) {
          const place = `${resource} ${namespace}/${name}`
          throw new StoreError('Unavailable', `the database ${path} is damaged: ${place} is not JSON`, {
            cause,
          })
        }
        yield { resource, object }
      }
    },
    record(changes) {
      try {
        database.exec('BEGIN IMMEDIATE')
        apply(changes)
        database.exec('COMMIT')
      } catch (cause) {
        // SQLite has already rolled back on some errors, not on others.
        if (database.isTransaction) database.exec('ROLLBACK')
        throw unavailable(path, cause)
      }
      onCommit?.(changes)
    },
    close() {
      if (database.isOpen) database.close()
    },
  }
}

function unavailable(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  return new StoreError('Unavailable', explain(path, cause), { cause })
}

function explain(path: string, cause: unknown): string {
  const detail = cause instanceof Error ? cause.message : String(cause)
  const extended = (cause as { readonly errcode?: unknown } | undefined)?.errcode
  // The low byte is the primary code, the rest tells more of it.
  switch (typeof extended === 'number' ? extended & 0xff : undefined) {
    case SQLITE.BUSY:
      return `the database ${path} is in use by another process; a node's data belongs to one process at a time`
    case SQLITE.FULL:
      return `the disk is full, or the database ${path} has reached its size limit`
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return `the database ${path} is damaged or not a database: ${detail}`
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return `the database ${path} cannot be written: ${detail}`
    default:
      return `the database ${path} failed: ${detail}`
  }
}
