/**
 * A node's Ed25519 key: made, read from and written to its file. It never leaves the node.
 */
import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import type { NodeId } from '../objects/ids.ts'
import type { Random } from '../kernel/system.ts'
import { didKey } from './did.ts'

export interface NodeKey {
  readonly id: NodeId
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** @returns the Ed25519 signature (64 bytes) of `payload`. */
  sign(payload: Uint8Array | string): Buffer
}

export type KeyFileErrorCode = 'missing' | 'permissions' | 'malformed' | 'exists' | 'unwritable'

/** A key file that cannot be used. The message names the file and what to do, never its contents. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
  readonly code: KeyFileErrorCode

  constructor(code: KeyFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** DER of PKCS#8 up to the seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32
const SECRET_MODE = 0o600

function fromPrivateKey(privateKey: KeyObject): NodeKey {
  const publicKey = createPublicKey(privateKey)
  return {
    id: didKey(publicKey),
    privateKey,
    publicKey,
    sign: (payload) => sign(null, typeof payload === 'string' ? Buffer.from(payload) : payload, privateKey),
  }
}

/**
 * @param random where the 32 secret bytes come from; a simulation's gives the same key every run
 */
export function generateNodeKey(random: Random): NodeKey {
  const seed = random.bytes(SEED_BYTES)
  return fromPrivateKey(
    createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }),
  )
}

/** @returns the private key as PKCS#8 PEM; for TLS contexts and key files only. */
export function privateKeyPem(key: NodeKey): string {
  return key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/**
 * @param pem a PKCS#8 Ed25519 key
 * @param origin what to call the text in an error
 * @throws KeyFileError `malformed`
 */
export function parseNodeKey(pem: string, origin = 'the key'): NodeKey {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey({ key: pem, format: 'pem' })
  } catch (cause) {
    throw new KeyFileError('malformed', `${origin} is not a private key in PEM form`, { cause })
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new KeyFileError(
      'malformed',
      `${origin} holds a key of type ${privateKey.asymmetricKeyType}; a node's key is Ed25519`,
    )
  }
  return fromPrivateKey(privateKey)
}

/**
 * Reads a key that only its owner may read.
 * @throws KeyFileError `missing`, `permissions` (group or others may read it), `malformed`
 */
export async function loadNodeKey(path: string): Promise<NodeKey> {
  let file
  try {
    file = await open(path, 'r')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new KeyFileError('missing', `there is no key file ${path}`, { cause })
    throw new KeyFileError('permissions', `cannot read the key file ${path}: ${code}`, { cause })
  }
  try {
    // The open file is asked, not the path: nobody can swap it in between.
    const mode = (await file.stat()).mode & 0o777
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new KeyFileError(
        'permissions',
        `the key file ${path} has mode 0${mode.toString(8)}: others than its owner may use it. ` +
          `If nobody has read it, run: chmod 600 ${path}`,
      )
    }
    return parseNodeKey(await file.readFile('utf8'), `the key file ${path}`)
  } finally {
    await file.close()
  }
}

/**
 * Writes a key to a new file of mode 0600, durably. An existing file is never overwritten.
 * @throws KeyFileError `exists`, `unwritable`
 */
export async function saveNodeKey(key: NodeKey, path: string): Promise<void> {
  let file
  try {
    file = await open(path, 'wx', SECRET_MODE)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'EEXIST')
      throw new KeyFileError('exists', `the key file ${path} is already there`, { cause })
    throw new KeyFileError('unwritable', `cannot write the key file ${path}: ${code}`, { cause })
  }
  try {
    await file.chmod(SECRET_MODE)
    await file.writeFile(privateKeyPem(key))
    await file.sync()
  } catch (cause) {
    await unlink(path).catch(() => undefined)
    throw new KeyFileError('unwritable', `cannot write the key file ${path}`, { cause })
  } finally {
    await file.close()
  }
}

/** Loads the key at `path`, or makes one there at the first start. @throws KeyFileError */
export async function loadOrCreateNodeKey(path: string, random: Random): Promise<NodeKey> {
  try {
    return await loadNodeKey(path)
  } catch (error) {
    if (!(error instanceof KeyFileError) || error.code !== 'missing') throw error
  }
  const key = generateNodeKey(random)
  await saveNodeKey(key, path)
  return key
}
