/** The unit that is shipped stays hardened, and leaves what a sandbox needs. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const UNIT = 'deploy/systemd/tributary.service'
const hasTool = spawnSync('systemd-analyze', ['--version']).status === 0

it.skipIf(!hasTool)('the systemd unit is exposed less than 3, as systemd-analyze counts', () => {
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', UNIT], {
    encoding: 'utf8',
  })
  const exposure = Number(/exposure level for \S+: ([0-9.]+)/.exec(stdout)?.[1])
  expect(exposure).toBeGreaterThan(0)
  expect(exposure).toBeLessThan(3)
})

it('the systemd unit lets a sandbox make its namespaces, and have a /proc of its own', () => {
  const lines = readFileSync(UNIT, 'utf8').split('\n')
  const namespaces = lines.find((line) => line.startsWith('RestrictNamespaces='))?.split(/[= ]/)
  expect(namespaces).toEqual(expect.arrayContaining(['user', 'mnt', 'pid', 'net', 'ipc', 'uts']))
  // Where a part of /proc is covered, the kernel lets nobody mount another one.
  for (const covering of ['ProtectKernelTunables=yes', 'ProtectKernelLogs=yes', 'ProcSubset=pid'])
    expect(lines).not.toContain(covering)
  // bubblewrap gives a sandbox a name, which is in none of the usual groups of system calls.
  const [, calls = ''] = lines.find((line) => line.startsWith('SystemCallFilter=@'))?.split('=') ?? []
  expect(calls.split(' ')).toEqual(expect.arrayContaining(['@mount', 'sethostname']))
  expect(lines).toContain('User=tributary')
})
