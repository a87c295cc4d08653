/**
 * The database file of the sqlite store: the only module that touches `node:sqlite`.
 *
 * It is held exclusively for as long as it is open: SQLite's own file lock, which the operating
 * system drops when the process dies in whatever way.
 */
import { closeSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../../kernel/object-store.ts'
import type { Sealer } from '../../kernel/sealer.ts'
import type { KubeObject, ObjectKey } from '../../objects/meta.ts'
import type { StagedChange } from '../object-table.ts'
import type { Journal } from '../table-store.ts'
import { applyJsonChanges, jsonChanges, type JsonEdit } from './json-changes.ts'
import { isSealedRow, openedRow, sealedRow } from './sealed-row.ts'

/** `PRAGMA user_version` of the files this code writes. */
const FORMAT = 2
/** "Trib" in ASCII: marks the file as ours. */
const APPLICATION_ID = 0x54726962

/** SQLite's primary result codes that are told apart here. */
const SQLITE = { BUSY: 5, READONLY: 8, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

/** Of an object whose JSON is at least so long, in UTF-16 code units, only what changes is written. */
const LARGE = 16_384

/** With less room on its disk a store cannot be relied on. */
const LEAST_FREE_BYTES = 1 << 20

const CHANGES_TABLE = `
  CREATE TABLE changes (
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    edits TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name, revision)
  ) STRICT, WITHOUT ROWID;
`

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
  ${CHANGES_TABLE}
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
  /** Encrypts what is confidential. */
  readonly sealer?: Sealer
  /** Called after each commit. */
  readonly onCommit?: (changes: readonly StagedChange[]) => void
}

/** @throws StoreError `Unavailable`: locked by another process, damaged, not ours, not writable */
export function openDatabase({ path, maxBytes, sealer, onCommit }: DatabaseOptions): OpenDatabase {
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
    return journalOf(database, path, sealer, onCommit)
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
    } else if (format === 1) {
      // Before there were changes, every object was written whole.
      database.exec(`${CHANGES_TABLE} PRAGMA user_version = ${FORMAT};`)
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
  sealer: Sealer | undefined,
  onCommit: ((changes: readonly StagedChange[]) => void) | undefined,
): OpenDatabase {
  const { revision } = database.prepare('SELECT revision FROM state').get() as { revision: number }
  const put = database.prepare(
    `INSERT INTO objects (resource, namespace, name, revision, json) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, json = excluded.json`,
  )
  const drop = database.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?')
  const setRevision = database.prepare('UPDATE state SET revision = ?')
  const addChange = database.prepare(
    'INSERT INTO changes (resource, namespace, name, revision, edits) VALUES (?, ?, ?, ?, ?)',
  )
  const dropChanges = database.prepare(
    'DELETE FROM changes WHERE resource = ? AND namespace = ? AND name = ?',
  )
  const large = largeObjects(database)

  /** @returns how the large objects stand, once this is committed */
  const apply = (changes: readonly StagedChange[]): Map<string, Large | undefined> => {
    // Of several changes of one object only the way from the first to the last is worth a row.
    const ways = new Map<string, { readonly first: StagedChange; last: StagedChange }>()
    for (const change of changes) {
      const key = placeKey(change.resource, change.event.object.metadata)
      const way = ways.get(key)
      if (way) way.last = change
      else ways.set(key, { first: change, last: change })
    }
    const sizes = new Map<string, Large | undefined>()
    for (const [key, { first, last }] of ways) {
      const { resource, revision: at, after, event } = last
      const { namespace = '', name } = event.object.metadata
      const known = large.get(key)
      // What changes of a confidential object would show it: it is written whole, and sealed.
      if (known && first.before && after && !last.confidential) {
        const edits = JSON.stringify(jsonChanges(first.before, after))
        // Written whole again when the changes have become as long as the whole: in all, that is no more than
        // twice what changed.
        if (known.changes + edits.length <= known.whole) {
          addChange.run(resource, namespace, name, at, edits)
          sizes.set(key, { whole: known.whole, changes: known.changes + edits.length })
          continue
        }
      }
      if (known) {
        dropChanges.run(resource, namespace, name)
        sizes.set(key, undefined)
      }
      if (after === undefined) {
        drop.run(resource, namespace, name)
        continue
      }
      const json = last.confidential ? sealedRow(sealer, resource, after) : JSON.stringify(after)
      put.run(resource, namespace, name, at, json)
      if (last.confidential) continue
      if (json.length >= LARGE) sizes.set(key, { whole: json.length, changes: 0 })
    }
    setRevision.run(changes.at(-1)!.revision)
    return sizes
  }

  return {
    revision,
    *objects() {
      const changed = editsByObject(database, path)
      const rows = database
        .prepare('SELECT resource, namespace, name, json FROM objects ORDER BY resource, namespace, name')
        .iterate()
      for (const row of rows) {
        const { resource, namespace, name, json } = row as Record<
          'resource' | 'namespace' | 'name' | 'json',
          string
        >
        const key = placeKey(resource, { namespace, name })
        let object: KubeObject
        try {
          object = JSON.parse(json) as KubeObject
          if (isSealedRow(object)) {
            yield { resource, object: openedRow(sealer, resource, { namespace, name }, object) }
            continue
          }
          for (const edits of changed.get(key) ?? []) applyJsonChanges(object, edits)
        } catch (cause) {
          if (cause instanceof StoreError) throw cause
          throw damaged(path, `${resource} ${namespace}/${name} is not JSON`, cause)
        }
        changed.delete(key)
        if (json.length >= LARGE && !large.has(key)) large.set(key, { whole: json.length, changes: 0 })
        yield { resource, object }
      }
      for (const key of changed.keys())
        throw damaged(path, `there are changes of what is not there: ${key.replaceAll('\0', ' ')}`)
    },
    record(changes) {
      try {
        database.exec('BEGIN IMMEDIATE')
        const sizes = apply(changes)
        database.exec('COMMIT')
        for (const [key, size] of sizes) {
          if (size) large.set(key, size)
          else large.delete(key)
        }
      } catch (cause) {
        // SQLite has already rolled back on some errors, not on others.
        if (database.isTransaction) database.exec('ROLLBACK')
        throw unavailable(path, cause)
      }
      onCommit?.(changes)
    },
    check() {
      try {
        // A write like any other, that changes nothing.
        database.exec('UPDATE state SET revision = revision')
        // It fits where a larger one would not.
        const { bavail, bsize } = statfsSync(dirname(path))
        if (bavail * bsize < LEAST_FREE_BYTES)
          throw new StoreError('Unavailable', `the disk of ${path} is full`)
      } catch (cause) {
        throw unavailable(path, cause)
      }
    },
    close() {
      if (database.isOpen) database.close()
    },
  }
}

/** How much is written of a large object, in UTF-16 code units. */
interface Large {
  readonly whole: number
  /** Of what changed since. */
  readonly changes: number
}

function placeKey(resource: string, { namespace = '', name }: ObjectKey): string {
  return `${resource}\0${namespace}\0${name}`
}

/** @returns all objects that have changes; others that are large are found when they are read */
function largeObjects(database: DatabaseSync): Map<string, Large> {
  const rows = database
    .prepare(
      `SELECT resource, namespace, name, sum(length(edits)) AS changes,
         (SELECT length(json) FROM objects AS o
          WHERE o.resource = c.resource AND o.namespace = c.namespace AND o.name = c.name) AS whole
       FROM changes AS c GROUP BY resource, namespace, name`,
    )
    .all()
  return new Map(
    rows.map((row) => {
      const { resource, namespace, name } = row as Record<'resource' | 'namespace' | 'name', string>
      const { changes, whole } = row as { changes: number; whole: number | null }
      return [placeKey(resource, { namespace, name }), { whole: whole ?? 0, changes }]
    }),
  )
}

/** @returns what changed of each object since it was written whole, in order */
function editsByObject(database: DatabaseSync, path: string): Map<string, (readonly JsonEdit[])[]> {
  const byObject = new Map<string, (readonly JsonEdit[])[]>()
  const rows = database
    .prepare(
      'SELECT resource, namespace, name, edits FROM changes ORDER BY resource, namespace, name, revision',
    )
    .iterate()
  for (const row of rows) {
    const { resource, namespace, name, edits } = row as Record<
      'resource' | 'namespace' | 'name' | 'edits',
      string
    >
    const key = placeKey(resource, { namespace, name })
    let parsed: readonly JsonEdit[]
    try {
      parsed = JSON.parse(edits) as readonly JsonEdit[]
    } catch (cause) {
      throw damaged(path, `a change of ${resource} ${namespace}/${name} is not JSON`, cause)
    }
    const known = byObject.get(key)
    if (known) known.push(parsed)
    else byObject.set(key, [parsed])
  }
  return byObject
}

function damaged(path: string, what: string, cause?: unknown): StoreError {
  return new StoreError('Unavailable', `the database ${path} is damaged: ${what}`, { cause })
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
