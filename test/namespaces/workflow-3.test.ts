/**
 * Workflow 3 with four processes in four network namespaces. Routes enforce who reaches whom: there is no
 * address by which the consumer's namespace could reach the provider's, so a shortcut is impossible.
 *
 *   consumer 10.99.1.1 ── 10.99.1.2 cs 10.99.2.1 ── 10.99.2.2 ps 10.99.3.1 ── 10.99.3.2 provider
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { WORKFLOWS } from '../../src/trace/index.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const HELLO = fileURLToPath(new URL('../../examples/hello.yaml', import.meta.url))
const NODE = ['--disable-warning=ExperimentalWarning', MAIN]
/** Namespaces and links are the machine's: two runs at once must not meet. */
const TAG = `t${process.pid.toString(36)}`
const NAMES = ['consumer', 'cs', 'ps', 'provider'] as const
type Name = (typeof NAMES)[number]
const PORT = 7443

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' })
const space = (name: Name): string => `${TAG}-${name}`

function namespacesWork(): boolean {
  try {
    ip('netns', 'add', `${TAG}-probe`)
    ip('netns', 'delete', `${TAG}-probe`)
    return true
  } catch {
    return false
  }
}

/** Runs the program in the namespace of a node. */
function tributary(name: Name, ...args: string[]): string {
  return execFileSync('ip', ['netns', 'exec', space(name), process.execPath, ...NODE, ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

const works = namespacesWork()
if (!works) console.warn('network namespaces cannot be made here (no root, or no ip command): skipped')

describe.skipIf(!works)('workflow 3 in four network namespaces', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-netns-'))
  const processes: ChildProcess[] = []
  const dir = (name: Name): string => join(folder, name)

  function link(a: Name, b: Name, network: string): void {
    const [left, right] = [`${TAG}${a[0]}${b[0]}`, `${TAG}${b[0]}${a[0]}x`].map((each) => each.slice(0, 15))
    ip('link', 'add', left!, 'type', 'veth', 'peer', 'name', right!)
    for (const [end, name, host] of [
      [left!, a, 1],
      [right!, b, 2],
    ] as const) {
      ip('link', 'set', end, 'netns', space(name))
      ip('-n', space(name), 'addr', 'add', `${network}.${host}/30`, 'dev', end)
      ip('-n', space(name), 'link', 'set', end, 'up')
    }
  }

  async function start(name: Name, config: Record<string, unknown>): Promise<void> {
    const file = join(dir(name), 'config.yaml')
    // `init` wrote name, role and domain; what follows is the rest.
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${stringify(config)}`)
    const log = join(folder, `${name}.log`)
    const out = openSync(log, 'w')
    const args = ['netns', 'exec', space(name), process.execPath, ...NODE, 'start', '--dir', dir(name)]
    const child = spawn('ip', args, { stdio: ['ignore', out, out] })
    processes.push(child)
    await vi.waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${readFileSync(log, 'utf8')}`)
        readFileSync(join(dir(name), 'run', 'endpoints.json'))
      },
      { timeout: 50_000, interval: 50 },
    )
  }

  beforeAll(async () => {
    for (const name of NAMES) {
      ip('netns', 'add', space(name))
      ip('-n', space(name), 'link', 'set', 'lo', 'up')
    }
    link('consumer', 'cs', '10.99.1')
    link('cs', 'ps', '10.99.2')
    link('ps', 'provider', '10.99.3')
    const authority: Record<string, string> = {}
    for (const domain of ['buyers.example', 'sellers.example']) {
      tributary('cs', 'domain', 'init', join(folder, domain), '--name', domain)
      const { id } = JSON.parse(readFileSync(join(folder, domain, 'authority.json'), 'utf8')) as {
        id: string
      }
      authority[domain] = id
    }
    const init = (name: Name, role: string, domain: string): string =>
      tributary(
        name,
        'init',
        '--dir',
        dir(name),
        '--name',
        name,
        '--role',
        role,
        '--authority-dir',
        join(folder, domain),
      )
    init('cs', 'supernode', 'buyers.example')
    init('ps', 'supernode', 'sellers.example')
    init('consumer', 'node', 'buyers.example')
    init('provider', 'node', 'sellers.example')
    const rear = (address: string) => ({
      rear: { listen: `0.0.0.0:${PORT}`, advertise: `${address}:${PORT}` },
      neighbours: { mdns: false },
    })
    await start('ps', {
      ...rear('10.99.2.2'),
      trustedAuthorities: { 'buyers.example': [authority['buyers.example']] },
    })
    await start('cs', {
      ...rear('10.99.2.1'),
      trustedAuthorities: { 'sellers.example': [authority['sellers.example']] },
      peers: [{ address: `10.99.2.2:${PORT}` }],
    })
    await start('provider', {
      ...rear('10.99.3.2'),
      peers: [{ address: `10.99.3.1:${PORT}` }],
      sell: {
        capacity: { cpu: '4', memory: '4Gi', pods: '20' },
        partition: { step: { cpu: '100m', memory: '64Mi' } },
      },
      allowWorkloads: true,
    })
    await start('consumer', {
      ...rear('10.99.1.1'),
      peers: [{ address: `10.99.1.2:${PORT}` }],
      cluster: { capacity: { cpu: '500m', memory: '256Mi', pods: '10' } },
    })
  }, 240_000)

  afterAll(async () => {
    for (const child of processes) child.kill('SIGTERM')
    await Promise.all(
      processes.map(async (child) => {
        if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
      }),
    )
    for (const name of NAMES) {
      try {
        ip('netns', 'delete', space(name))
      } catch {
        // It was never made.
      }
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('has no way from the consumer to the provider but through both supernodes', () => {
    expect(() => tributaryPing('consumer', '10.99.3.2')).toThrow()
    expect(() => tributaryPing('consumer', '10.99.2.2')).toThrow()
    expect(() => tributaryPing('cs', '10.99.3.2')).toThrow()
  })

  it('runs the workload at the provider, answers through both relays, and takes every step', () => {
    try {
      tributary('consumer', '--dir', dir('consumer'), 'apply', '-f', HELLO, '--wait', '--timeout', '60s')
    } catch (error) {
      const see = (name: Name, ...what: string[]): string =>
        tributary(name, '--dir', dir(name), 'get', ...what, '-A')
      const seen = [
        see('consumer', 'pods,events,virtualrouters'),
        see('provider', 'pods,events,virtualrouters'),
      ]
      throw new Error(`the workload does not run:\n${seen.join('\n')}`, { cause: error })
    }
    const intent = JSON.parse(
      tributary('consumer', '--dir', dir('consumer'), 'get', 'intent', 'hello', '-o', 'json'),
    ) as { status: { url: string } }
    const page = execFileSync(
      'ip',
      [
        'netns',
        'exec',
        space('consumer'),
        process.execPath,
        '-e',
        `fetch('${intent.status.url}').then((r) => r.text()).then(console.log)`,
      ],
      { encoding: 'utf8' },
    )
    expect(page).toContain('Hello from provider')
    const trace = JSON.parse(
      tributary('consumer', '--dir', dir('consumer'), 'trace', 'hello', '-o', 'json'),
    ) as { workflow: number; events: readonly { step: number; node: string }[] }
    expect(trace.workflow).toBe(3)
    const steps = new Set(trace.events.map(({ step }) => step))
    const needed = WORKFLOWS[3].filter(({ optional }) => !optional).map(({ step }) => step)
    expect(needed.filter((step) => !steps.has(step))).toEqual([])
    expect(new Set(trace.events.map(({ node }) => node))).toEqual(new Set(NAMES))
  })

  it('gives everything back', async () => {
    tributary('consumer', '--dir', dir('consumer'), 'delete', 'intent', 'hello', '--wait')
    await vi.waitFor(
      () => {
        const { items } = JSON.parse(
          tributary('provider', '--dir', dir('provider'), 'get', 'pools', '-o', 'json'),
        ) as {
          items: readonly { spec: { capacity: unknown }; status: { free: unknown } }[]
        }
        expect(items[0]!.status.free).toEqual(items[0]!.spec.capacity)
      },
      { timeout: 30_000, interval: 200 },
    )
  })

  /** Whether an address answers from a namespace; throws when there is no way to it. */
  function tributaryPing(name: Name, address: string): void {
    const script = `require('net').connect(${PORT}, '${address}').on('connect', () => process.exit(0)).on('error', () => process.exit(1)); setTimeout(() => process.exit(1), 1000)`
    execFileSync('ip', ['netns', 'exec', space(name), process.execPath, '-e', script], { stdio: 'ignore' })
  }
})
