import { X509Certificate, generateKeyPairSync, verify } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realSystem } from '../kernel/system.ts'
import { randomFrom } from '../../test/support/simulated-system.ts'
import {
  createAuthority,
  createIdentity,
  didKey,
  generateNodeKey,
  type KeyFileErrorCode,
  loadAuthority,
  loadNodeKey,
  loadOrCreateNodeKey,
  parseNodeKey,
  publicKeyOf,
  saveNodeKey,
} from './index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-keys-'))
})
afterEach(() => rm(folder, { recursive: true }))

function keyError(code: KeyFileErrorCode): object {
  return expect.objectContaining({ name: 'KeyFileError', code }) as object
}

describe('node keys', () => {
  it('are as random as the source they are made from', () => {
    expect(generateNodeKey(realSystem.random).id).not.toBe(generateNodeKey(realSystem.random).id)
    expect(generateNodeKey(randomFrom(7)).id).toBe(generateNodeKey(randomFrom(7)).id)
  })

  it('have an id from which the public key can be had again', () => {
    const key = generateNodeKey(realSystem.random)
    expect(publicKeyOf(key.id).equals(key.publicKey)).toBe(true)
    expect(didKey(key.privateKey)).toBe(key.id)
    expect(verify(null, Buffer.from('text'), publicKeyOf(key.id), key.sign('text'))).toBe(true)
  })

  it('are not made from keys of another type', () => {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    expect(() => didKey(publicKey)).toThrow(/Ed25519/)
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    expect(() => parseNodeKey(pem)).toThrow(keyError('malformed'))
  })
})

describe('key files', () => {
  const path = (): string => join(folder, 'node.key')

  it('give the same key back, and only the owner may read them', async () => {
    const key = generateNodeKey(realSystem.random)
    await saveNodeKey(key, path())
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect((await loadNodeKey(path())).id).toBe(key.id)
  })

  it.each([0o640, 0o604, 0o660, 0o601])(
    'are refused with mode %o, with the command that helps',
    async (mode) => {
      await saveNodeKey(generateNodeKey(realSystem.random), path())
      await chmod(path(), mode)
      await expect(loadNodeKey(path())).rejects.toEqual(keyError('permissions'))
      await expect(loadNodeKey(path())).rejects.toThrow(`chmod 600 ${path()}`)
    },
  )

  it('are never overwritten', async () => {
    await saveNodeKey(generateNodeKey(realSystem.random), path())
    const before = await readFile(path(), 'utf8')
    await expect(saveNodeKey(generateNodeKey(realSystem.random), path())).rejects.toEqual(keyError('exists'))
    expect(await readFile(path(), 'utf8')).toBe(before)
  })

  it('say what is wrong: nothing there, not a key, no folder', async () => {
    await expect(loadNodeKey(path())).rejects.toEqual(keyError('missing'))
    await writeFile(path(), 'hello', { mode: 0o600 })
    await expect(loadNodeKey(path())).rejects.toEqual(keyError('malformed'))
    const nowhere = saveNodeKey(generateNodeKey(realSystem.random), join(folder, 'no', 'where'))
    await expect(nowhere).rejects.toEqual(keyError('unwritable'))
  })

  it('are made at the first start and kept at the next', async () => {
    const first = await loadOrCreateNodeKey(path(), realSystem.random)
    expect((await loadOrCreateNodeKey(path(), realSystem.random)).id).toBe(first.id)
    await chmod(path(), 0o644)
    await expect(loadOrCreateNodeKey(path(), realSystem.random)).rejects.toEqual(keyError('permissions'))
  })
})

describe('identity', () => {
  const identity = createIdentity({
    key: generateNodeKey(realSystem.random),
    system: realSystem,
    name: 'alice',
  })

  it('has a certificate that OpenSSL takes, about its own key, valid now and for years', () => {
    const certificate = new X509Certificate(identity.certificate)
    expect(certificate.verify(publicKeyOf(identity.id))).toBe(true)
    expect(certificate.subject).toBe(`CN=${identity.id}`)
    expect(certificate.issuer).toBe(certificate.subject)
    expect(certificate.subjectAltName).toBe(`URI:${identity.id}`)
    expect(certificate.ca).toBe(false)
    expect(Date.parse(certificate.validFrom)).toBeLessThan(realSystem.clock.now())
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(realSystem.clock.now() + 365 * 86_400_000)
    expect(certificate.checkPrivateKey(parseNodeKey(identity.privateKey).privateKey)).toBe(true)
  })

  it('has a valid certificate when the clock says a year after 2049', () => {
    const clock = { ...realSystem.clock, now: () => Date.UTC(2055, 4, 6) }
    const later = createIdentity({ key: identity.key, system: { ...realSystem, clock }, name: 'later' })
    const certificate = new X509Certificate(later.certificate)
    expect(new Date(certificate.validFrom).getUTCFullYear()).toBe(2055)
    expect(certificate.verify(publicKeyOf(identity.id))).toBe(true)
  })

  it('does not show its private key when it is logged', () => {
    expect(JSON.stringify(identity)).not.toContain('PRIVATE')
    expect(JSON.stringify({ ...identity })).not.toContain('PRIVATE')
  })
})

describe('authority', () => {
  it('is stored, loaded again, and never overwritten', async () => {
    const made = await createAuthority(join(folder, 'a'), 'example.org', realSystem)
    const loaded = await loadAuthority(join(folder, 'a'))
    expect([loaded.id, loaded.domain]).toEqual([made.id, 'example.org'])
    expect((await stat(join(folder, 'a', 'authority.key'))).mode & 0o777).toBe(0o600)
    const again = createAuthority(join(folder, 'a'), 'example.org', realSystem)
    await expect(again).rejects.toEqual(keyError('exists'))
  })

  it('refuses a key that does not belong to its facts, and what is no domain', async () => {
    await createAuthority(join(folder, 'a'), 'example.org', realSystem)
    await createAuthority(join(folder, 'b'), 'example.org', realSystem)
    await writeFile(join(folder, 'a', 'authority.json'), await readFile(join(folder, 'b', 'authority.json')))
    await expect(loadAuthority(join(folder, 'a'))).rejects.toEqual(keyError('malformed'))
    await expect(loadAuthority(join(folder, 'c'))).rejects.toEqual(keyError('missing'))
    await expect(createAuthority(join(folder, 'c'), 'Not a domain', realSystem)).rejects.toThrow(RangeError)
  })
})
