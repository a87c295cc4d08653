/** Attacks on the control API by who has no token, an old one, or one that is for less. */
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe } from 'vitest'
import { realSystem } from '../../src/kernel/system.ts'
import { AccessTokenKind } from '../../src/objects/access-token.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { serve } from '../support/control-api.ts'
import { serveSecurely, type SecureApi } from '../support/secure-api.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'
import { wasDone } from './support/control.ts'

const NOBODY = 65_534
const CONFIG = '/api/v1/namespaces/default/configmaps'
const TOKENS = '/tributary/v1/tokens'

/** Somebody with that for a token makes an object. */
async function writeWith(api: SecureApi, token: string | null): Promise<Tried> {
  return wasDone(await api.call('POST', CONFIG, { metadata: { name: 'x' } }, {}, token))
}

const start = () => serveSecurely({ kinds: ALL_KINDS })

describe('tokens', () => {
  attack('a program on the machine that has no token writes through HTTPS', {
    defended: async () => writeWith(await start(), null),
    stoppedBy: /^401/,
    control: async () => {
      const api = await start()
      return writeWith(api, (await api.tokenFor('admin')).token)
    },
  })

  attack('who read the database uses the hash of a token as the token', {
    defended: async () => {
      const api = await start()
      const { name } = await api.tokenFor('admin')
      const stored = await api.local.store.get(AccessTokenKind, { name })
      return writeWith(api, `tributary_${name}_${stored!.spec.hash}`)
    },
    stoppedBy: /^401/,
    control: async () => {
      const api = await start()
      return writeWith(api, (await api.tokenFor('admin')).token)
    },
  })

  attack('somebody goes on with a token that was revoked', {
    defended: async () => {
      const api = await start()
      const { name, token } = await api.tokenFor('admin')
      await api.tokens.revoke(name)
      return writeWith(api, token)
    },
    stoppedBy: /^401/,
    control: async () => {
      const api = await start()
      return writeWith(api, (await api.tokenFor('admin')).token)
    },
  })

  attack('somebody goes on with a token that has expired', {
    defended: async () => {
      const clock = { ...realSystem.clock, now: () => realSystem.clock.now() + ahead }
      let ahead = 0
      const api = await serveSecurely({ kinds: ALL_KINDS }, undefined, { ...realSystem, clock })
      const { token } = await api.tokenFor('admin', 60_000)
      ahead = 60_001
      return writeWith(api, token)
    },
    stoppedBy: /^401/,
    control: async () => {
      const api = await start()
      return writeWith(api, (await api.tokenFor('admin', 60_000)).token)
    },
  })

  attack('somebody makes himself another token with one that he was given', {
    defended: async () => {
      const { call } = await start()
      return wasDone(await call('POST', TOKENS, { role: 'admin', expiresSeconds: 9_999 }))
    },
    stoppedBy: /^403.*through the socket/s,
    // The same request from where the file system asks.
    control: async () => {
      const { local } = await start()
      return wasDone(await local.call('POST', TOKENS, { role: 'admin', expiresSeconds: 9_999 }))
    },
  })

  attack('somebody stores a token of his own making as an object', {
    defended: async () => storeToken(ALL_KINDS),
    stoppedBy: /^403.*made by the node/s,
    control: async () =>
      storeToken(ALL_KINDS.map(({ writable: _, ...kind }) => kind as (typeof ALL_KINDS)[0])),
  })

  attack('a viewer revokes the token of an admin', {
    defended: async () => revokeAs('viewer'),
    stoppedBy: /^403.*a viewer may not/s,
    control: async () => revokeAs('admin'),
  })

  attack('a viewer acts in the name of an admin (Impersonate-User)', {
    defended: async () => {
      const api = await start()
      const { token } = await api.tokenFor('viewer')
      const headers = { 'impersonate-user': 'tributary:owner', 'impersonate-group': 'system:masters' }
      return wasDone(await api.call('POST', CONFIG, { metadata: { name: 'x' } }, headers, token))
    },
    stoppedBy: /^403.*cannot act for others/s,
    control: async () => {
      const api = await start()
      return writeWith(api, (await api.tokenFor('admin')).token)
    },
  })
})

async function storeToken(kinds: typeof ALL_KINDS): Promise<Tried> {
  const { call } = await serveSecurely({ kinds })
  const spec = { role: 'admin', hash: '0'.repeat(64), expires: '2099-01-01T00:00:00Z' }
  return wasDone(
    await call('POST', '/apis/tributary.io/v1alpha1/accesstokens', { metadata: { name: 'mine' }, spec }),
  )
}

async function revokeAs(role: 'admin' | 'viewer'): Promise<Tried> {
  const api = await start()
  const [own, victim] = [await api.tokenFor(role), await api.tokenFor('admin')]
  return wasDone(await api.call('DELETE', `${TOKENS}/${victim.name}`, undefined, {}, own.token))
}

describe('the socket', () => {
  attack('another user of the machine opens the socket in the node’s directory', {
    defended: async () => askAs(NOBODY, (await serve()).socket),
    stoppedBy: /EACCES/,
    control: async () => {
      const { socket } = await serve()
      chmodSync(dirname(socket), 0o755)
      chmodSync(socket, 0o666)
      return askAs(NOBODY, socket)
    },
    cannot:
      process.getuid?.() === 0 && canRunAs(NOBODY) ? undefined : 'there is no other user that we may be',
  })
})

function canRunAs(uid: number): boolean {
  return spawnSync(process.execPath, ['-e', '0'], { uid, gid: uid, cwd: '/' }).status === 0
}

/** Another user asks what there is. */
function askAs(uid: number, socketPath: string): Promise<Tried> {
  const program = `
    const request = require('node:http').get({ socketPath: ${JSON.stringify(socketPath)}, path: '/api/v1' })
    request.on('response', ({ statusCode }) => { process.stdout.write(String(statusCode)); request.destroy() })
    request.on('error', ({ code }) => process.stdout.write(String(code)))`
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', program], { uid, gid: uid, cwd: '/' }, (_error, stdout) =>
      resolve(stdout.startsWith('200') ? succeeded(stdout) : failed(stdout)),
    )
  })
}
