import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { parseNodeId } from '../../src/objects/ids.ts'
import {
  loadNodeKey,
  readMembership,
  readRevoked,
  Revocations,
  verifyMembership,
} from '../../src/privacy-and-security-manager/index.ts'
import { run, temporaryFolder } from './support/run.ts'

const idIn = (out: string): string => /did:key:\S+/.exec(out)![0]

describe('tributary init', () => {
  it('makes a directory that a node can start from, closed to others', async () => {
    const cwd = temporaryFolder()
    const { code, out } = await run(
      ['init', '--dir', 'alpha', '--name', 'alpha', '--domain', 'example.org'],
      { cwd },
    )
    expect(code).toBe(0)
    const directory = join(cwd, 'alpha')
    expect(statSync(join(directory, 'node.key')).mode & 0o777).toBe(0o600)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(loadConfig(directory)).toEqual({ name: 'alpha', role: 'node', domain: { name: 'example.org' } })
    const key = await loadNodeKey(join(directory, 'node.key'))
    expect(idIn(out)).toBe(key.id)
    expect(out).toContain(`tributary start --dir ${directory}`)
    expect(out + readFileSync(join(directory, 'config.yaml'), 'utf8')).not.toContain('PRIVATE KEY')
  })

  it('never touches a node that is there', async () => {
    const cwd = temporaryFolder()
    await run(['init', '--dir', 'alpha'], { cwd })
    const key = readFileSync(join(cwd, 'alpha/node.key'), 'utf8')
    const again = await run(['init', '--dir', 'alpha'], { cwd })
    expect(again).toMatchObject({ code: 1, out: '' })
    expect(again.err).toContain('there is a node in')
    expect(readFileSync(join(cwd, 'alpha/node.key'), 'utf8')).toBe(key)
  })

  it('takes no folder with something else in it, and leaves nothing behind when it fails', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'precious'), 'data')
    expect((await run(['init', '--dir', '.'], { cwd })).code).toBe(1)
    expect(existsSync(join(cwd, 'node.key'))).toBe(false)
    expect(await run(['init', '--dir', 'x', '--name', 'Not A Name'], { cwd })).toMatchObject({ code: 2 })
    expect(
      await run(['init', '--dir', 'x', '--authority', 'did:key:nonsense', '--domain', 'a.b'], { cwd }),
    ).toMatchObject({ code: 2 })
    expect(await run(['init', '--dir', 'x', '--authority-dir', 'nowhere'], { cwd })).toMatchObject({
      code: 1,
    })
    expect(existsSync(join(cwd, 'x'))).toBe(false)
  })

  it('makes a member of the domain at once where the authority is on this machine', async () => {
    const cwd = temporaryFolder()
    const authority = idIn((await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })).out)
    const { out } = await run(
      [
        'init',
        '--dir',
        'alpha',
        '--name',
        'alpha',
        '--role',
        'supernode',
        '--authority-dir',
        'org',
        '--valid',
        '1h',
      ],
      { cwd },
    )
    const config = loadConfig(join(cwd, 'alpha'))
    expect(config).toMatchObject({ role: 'supernode', domain: { name: 'example.org', authority } })
    expect(config.domain!.authorityDirectory).toBe('../org')
    expect(out).toContain('renews the credentials of the members')
    const now = realSystem.clock.now()
    const membership = verifyMembership(
      readFileSync(join(cwd, 'alpha', config.domain!.membership!), 'utf8').trim(),
      {
        trustedAuthorities: new Map([['example.org', [parseNodeId(authority)]]]),
        now,
      },
    )
    expect(membership).toMatchObject({ subject: idIn(out), domain: 'example.org', role: 'supernode' })
    expect(membership.expiresAt - now).toBeGreaterThan(3_500_000)
    expect(membership.expiresAt - now).toBeLessThan(3_700_000)
  })
})

describe('tributary init, of a node beside the authority', () => {
  it('does not let a node that is no supernode hold the authority', async () => {
    const cwd = temporaryFolder()
    await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })
    const { out } = await run(['init', '--dir', 'beta', '--authority-dir', 'org'], { cwd })
    expect(loadConfig(join(cwd, 'beta')).domain!.authorityDirectory).toBeUndefined()
    expect(out).not.toContain('renews')
  })
})

describe('tributary domain', () => {
  it('admits a node of another machine by its id', async () => {
    const cwd = temporaryFolder()
    const authority = idIn((await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })).out)
    const node = idIn((await run(['init', '--dir', 'beta'], { cwd })).out)
    const admit = ['domain', 'admit', '--authority-dir', 'org', '--node', node]
    expect((await run([...admit, '--valid', '24h', '-o', 'membership.jwt'], { cwd })).code).toBe(0)
    const jwt = readFileSync(join(cwd, 'membership.jwt'), 'utf8').trim()
    const trust = {
      trustedAuthorities: new Map([['example.org', [parseNodeId(authority)]]]),
      now: realSystem.clock.now(),
    }
    expect(verifyMembership(jwt, trust)).toMatchObject({ subject: node, role: 'node' })
    const printed = await run(admit, { cwd })
    const membership = verifyMembership(printed.out.trim(), trust)
    expect(membership).toMatchObject({ subject: node })
    expect(printed.err).toContain(`credential id ${membership.id}`)
  })

  it('refuses what is no domain, no node, no duration, and to overwrite an authority', async () => {
    const cwd = temporaryFolder()
    expect(await run(['domain', 'init', 'org', '--name', 'Not a domain'], { cwd })).toMatchObject({ code: 2 })
    await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })
    expect(await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })).toMatchObject({ code: 1 })
    const admit = ['domain', 'admit', '--authority-dir', 'org']
    expect(await run([...admit, '--node', 'beta'], { cwd })).toMatchObject({ code: 2 })
    expect(await run([...admit, '--node', 'beta', '--valid', 'soon'], { cwd })).toMatchObject({ code: 2 })
  })
})

describe('tributary domain revoke', () => {
  async function domainWithMember() {
    const cwd = temporaryFolder()
    await run(['domain', 'init', 'org', '--name', 'example.org'], { cwd })
    const node = idIn((await run(['init', '--dir', 'beta'], { cwd })).out)
    const at = ['--authority-dir', 'org']
    const jwt = (await run(['domain', 'admit', ...at, '--node', node], { cwd })).out.trim()
    return {
      cwd,
      node: parseNodeId(node),
      membership: readMembership(jwt),
      revoke: (...args: readonly string[]) => run(['domain', 'revoke', ...at, ...args], { cwd }),
      revoked: (...args: readonly string[]) => run(['domain', 'revoked', ...at, ...args], { cwd }),
    }
  }

  it('voids a credential by its id, knows when it had been, and lists it', async () => {
    const { cwd, membership, revoke, revoked } = await domainWithMember()
    expect(await revoked()).toEqual({ code: 0, out: '', err: 'Nothing was revoked in example.org.\n' })
    const first = await revoke('--credential', membership.id)
    expect(first).toMatchObject({ code: 0, err: '' })
    expect(first.out).toContain(`credential ${membership.id} of example.org revoked`)
    const revocations = new Revocations()
    revocations.add({ issuer: membership.issuer, entries: readRevoked(join(cwd, 'org')) })
    expect(revocations.covers(membership)).toBe(true)
    const again = await revoke('--credential', membership.id)
    expect(again).toMatchObject({ code: 0 })
    expect(again.out).toContain('had been revoked before')
    expect((await revoked()).out).toMatch(
      new RegExp(`^REVOKED +WHAT +ID\\n\\S+Z +credential +${membership.id}\\n$`),
    )
  })

  it('voids all that a node was given until then', async () => {
    const { cwd, node, membership, revoke, revoked } = await domainWithMember()
    expect((await revoke('--node', node)).out).toContain(`membership of ${node} in example.org revoked`)
    const revocations = new Revocations()
    revocations.add({ issuer: membership.issuer, entries: readRevoked(join(cwd, 'org')) })
    expect(revocations.covers(membership)).toBe(true)
    const document = JSON.parse((await revoked('-o', 'json')).out)
    expect(document).toMatchObject({ domain: 'example.org', revoked: [{ node }] })
  })

  it('wants one node or one credential, of an authority that is there', async () => {
    const { node, revoke, cwd } = await domainWithMember()
    expect(await revoke()).toMatchObject({ code: 2 })
    expect(await revoke('--node', 'beta')).toMatchObject({ code: 2 })
    expect(await revoke('--credential', ' ')).toMatchObject({ code: 2 })
    expect(await revoke('--node', node, '--credential', 'x')).toMatchObject({ code: 2 })
    const elsewhere = ['--authority-dir', 'nowhere']
    for (const verb of [['revoke', '--node', node], ['revoked']]) {
      const { code, out, err } = await run(['domain', ...verb, ...elsewhere], { cwd })
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/^error: .*nowhere/)
    }
  })

  it('does not get between two that revoke at once', async () => {
    const { cwd, node, revoke } = await domainWithMember()
    writeFileSync(join(cwd, 'org/revoked.json.new'), '')
    const { code, err } = await revoke('--node', node)
    expect(code).toBe(1)
    expect(err).toContain('another revocation is in progress')
    expect(readRevoked(join(cwd, 'org'))).toEqual([])
  })
})

describe('tributary start', () => {
  it('says what is missing or wrong in the directory', async () => {
    const cwd = temporaryFolder()
    expect(await run(['start', '--dir', 'x'], { cwd })).toMatchObject({ code: 3 })
    await run(['init', '--dir', 'x', '--name', 'x'], { cwd })
    const file = join(cwd, 'x/config.yaml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, `${text}\nlog:\n  levl: info\n`)
    const { code, err } = await run(['start', '--dir', 'x'], { cwd })
    expect(code).toBe(1)
    expect(err).toMatch(/^\S+config\.yaml:\d+: unknown field log\.levl; did you mean level\?\n$/)
    writeFileSync(file, text)
    execFileSync('chmod', ['644', join(cwd, 'x/node.key')])
    const open = await run(['start', '--dir', 'x'], { cwd })
    expect(open.code).toBe(1)
    expect(open.err).toContain('chmod 600')
  })
})

describe('tributary init, told what to sell and whom to know', () => {
  it('writes it into the configuration', async () => {
    const cwd = temporaryFolder()
    const settings = ['--listen', '127.0.0.1:7443', '--peer', 'a.example:1', '--peer', '[::1]:2']
    const shares = ['--sell', 'cpu=4000m,memory=4096Mi', '--capacity', 'cpu=1,memory=1Gi,pods=3']
    const args = ['init', '--dir', 'beta', '--name', 'beta', ...settings, ...shares, '--allow-workloads']
    expect(await run(args, { cwd })).toMatchObject({ code: 0 })
    expect(loadConfig(join(cwd, 'beta'))).toEqual({
      name: 'beta',
      role: 'node',
      rear: { listen: '127.0.0.1:7443' },
      peers: [{ address: 'a.example:1' }, { address: '[::1]:2' }],
      cluster: { capacity: { cpu: '1', memory: '1Gi', pods: '3' } },
      sell: { capacity: { cpu: '4', memory: '4Gi', pods: '110' } },
      allowWorkloads: true,
    })
  })

  it.each([
    ['--listen', 'nowhere'],
    ['--peer', 'a:70000'],
    ['--sell', 'cpu=4'],
    ['--sell', 'cpu=4,memory=1Gi,cpu=2'],
    ['--sell', 'cpu=4,memory=much'],
    ['--sell', 'cpu=-1,memory=1Gi'],
    ['--sell', 'cpu=4,memory=1Gi,gpus=1'],
  ])('refuses %s %s, and makes nothing', async (option, value) => {
    const cwd = temporaryFolder()
    const { code, err } = await run(['init', '--dir', 'x', option, value], { cwd })
    expect(code).toBe(2)
    expect(err).toContain(`option '${option}`)
    expect(existsSync(join(cwd, 'x'))).toBe(false)
  })
})
