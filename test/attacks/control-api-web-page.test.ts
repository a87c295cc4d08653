/**
 * Attacks on the control API by a web page in the browser of the node's owner, which has got hold of a token: without one
 * it gets nowhere (control-api-tokens.test.ts).
 */
import { describe } from 'vitest'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { serveSecurely } from '../support/secure-api.ts'
import { attack, type Tried } from './support/attack.ts'
import { wasDone } from './support/control.ts'

const CONFIG = '/api/v1/namespaces/default/configmaps'

/** What the browser sends for a page; `allowed` are hosts that the node takes for its own. */
async function sendFrom(
  headers: (port: number) => Record<string, string>,
  allowed: readonly string[] = [],
): Promise<Tried> {
  const { call, port } = await serveSecurely({ kinds: ALL_KINDS, allowedHosts: allowed })
  return wasDone(await call('POST', CONFIG, { metadata: { name: 'x' } }, headers(port)))
}

describe('a web page', () => {
  attack('of another site sends requests with the browser of the node’s owner', {
    defended: () => sendFrom((port) => ({ origin: `https://evil.example:${port}` })),
    stoppedBy: /^403.*other origins/s,
    control: () => sendFrom((port) => ({ origin: `https://evil.example:${port}` }), ['evil.example']),
  })

  attack('makes its own name resolve to the node (DNS rebinding)', {
    defended: () => sendFrom((port) => ({ host: `evil.example:${port}` })),
    stoppedBy: /^403.*Host header/s,
    control: () => sendFrom((port) => ({ host: `evil.example:${port}` }), ['evil.example']),
  })

  attack('makes its own name resolve to the node, and says so in both headers', {
    defended: () =>
      sendFrom((port) => ({ host: `evil.example:${port}`, origin: `https://evil.example:${port}` })),
    stoppedBy: /^403/,
    control: () =>
      sendFrom(
        (port) => ({ host: `evil.example:${port}`, origin: `https://evil.example:${port}` }),
        ['evil.example'],
      ),
  })

  attack('of another program on this machine sends requests to the node', {
    defended: () => sendFrom(() => ({ origin: 'http://localhost:3000' })),
    stoppedBy: /^403.*other origins/s,
    // The same page, were it the node's own.
    control: () => sendFrom((port) => ({ origin: `https://localhost:${port}` })),
  })

  attack('in a sandbox or a file (Origin: null) sends requests to the node', {
    defended: () => sendFrom(() => ({ origin: 'null' })),
    stoppedBy: /^403.*other origins/s,
    control: () => sendFrom((port) => ({ origin: `https://127.0.0.1:${port}` })),
  })

  attack('posts a form of plain text, which no preflight asks about, as the owner, without a token', {
    defended: async () => {
      const { call } = await serveSecurely({ kinds: ALL_KINDS })
      return wasDone(
        await call('POST', CONFIG, '{"metadata":{"name":"x"}}', { 'content-type': 'text/plain' }, null),
      )
    },
    stoppedBy: /^401/,
    control: async () => {
      const { local } = await serveSecurely({ kinds: ALL_KINDS })
      return wasDone(await local.call('POST', CONFIG, '{"metadata":{"name":"x"}}'))
    },
  })
})
