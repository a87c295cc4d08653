import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../kernel/log.ts'
import { mutate, type ObjectStore } from '../../kernel/object-store.ts'
import type { Sealer } from '../../kernel/sealer.ts'
import { realSystem } from '../../kernel/system.ts'
import { ConfigMapKind } from '../../objects/core/config-map.ts'
import { type Secret, SecretKind } from '../../objects/core/secret.ts'
import { createSealer, generateNodeKey } from '../../privacy-and-security-manager/index.ts'
import { openSqliteStore } from './index.ts'

const PLAIN = 'correct-horse-battery-staple'
const ENCODED = Buffer.from(PLAIN).toString('base64')
const key = { namespace: 'default', name: 'password' }
const newSealer = (): Sealer => createSealer(generateNodeKey(realSystem.random), realSystem.random)

let folder: string
let path: string
let sealer: Sealer
const opened: ObjectStore[] = []

async function open(withSealer: Sealer | undefined = sealer): Promise<ObjectStore> {
  const options = { path, system: realSystem, log: silentLog }
  const { store } = await openSqliteStore({ ...options, ...(withSealer && { sealer: withSealer }) })
  opened.push(store)
  return store
}

/** Every file of the store, write-ahead log included. */
async function everyByte(): Promise<string> {
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')),
  )
  return files.join('')
}

const secret = { metadata: { ...key, annotations: { applied: PLAIN } }, data: { it: ENCODED } }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-sealed-'))
  path = join(folder, 'state.db')
  sealer = newSealer()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
  await rm(folder, { recursive: true })
})

describe('a Secret in a database file', () => {
  it('is nowhere in the files, at no time, however often it changes; a ConfigMap is', async () => {
    const store = await open()
    await store.create(SecretKind, secret)
    // Large, and changed a little at a time: then only what changes would be written.
    const padding = 'A'.repeat(40_000)
    await mutate<Secret>(store, SecretKind, key, (each) => ({ ...each, data: { it: ENCODED, padding } }))
    await mutate<Secret>(store, SecretKind, key, (each) => ({ ...each, data: { again: ENCODED, padding } }))
    await store.patch(SecretKind, key, { metadata: { annotations: { more: PLAIN } } })
    await store.create(ConfigMapKind, { metadata: { name: 'plain' }, data: { it: 'for-everybody-to-see' } })
    const whileOpen = await everyByte()
    await store.close()
    for (const bytes of [whileOpen, await everyByte()]) {
      expect(bytes).not.toContain(PLAIN)
      expect(bytes).not.toContain(ENCODED)
    }
    expect(whileOpen).toContain('for-everybody-to-see')
  })

  it('is there again after a restart, and unchanged writes make no version', async () => {
    const first = await open()
    const created = await first.create(SecretKind, secret)
    await first.close()
    const second = await open()
    expect(await second.get(SecretKind, key)).toEqual(created)
    expect((await second.update(SecretKind, created)).metadata.resourceVersion).toBe(
      created.metadata.resourceVersion,
    )
    await second.delete(SecretKind, key)
    await second.close()
    expect((await (await open()).list(SecretKind)).items).toEqual([])
  })

  it('does not open with the key of another node, nor without one; the message says what to do', async () => {
    const first = await open()
    await first.create(SecretKind, secret)
    await first.close()
    await expect(open(newSealer())).rejects.toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('put back the node.key') as string,
    })
    const { store } = await openSqliteStore({
      path: join(folder, 'other.db'),
      system: realSystem,
      log: silentLog,
    })
    opened.push(store)
    await expect(store.create(SecretKind, secret)).rejects.toMatchObject({ code: 'Invalid' })
  })

  it('cannot be moved to another name by who can write the file', async () => {
    const first = await open()
    await first.create(SecretKind, secret)
    await first.create(SecretKind, { ...secret, metadata: { ...key, name: 'other' } })
    await first.close()
    const database = new DatabaseSync(path)
    database.exec(
      `UPDATE objects SET json = (SELECT json FROM objects WHERE name = 'password') WHERE name = 'other'`,
    )
    database.close()
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('is damaged') as string })
  })
})
