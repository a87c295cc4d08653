import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { describeRunner } from '../../../../../test/conformance/runner.ts'
import { processesWith } from '../../../../../test/support/processes-with.ts'
import { whySandboxCannot } from '../../../../../test/support/sandboxes.ts'
import { silentLog } from '../../../../kernel/log.ts'
import { realSystem } from '../../../../kernel/system.ts'
import { GroupBudgets } from '../group-budgets.ts'
import { SandboxRunner } from './sandbox-runner.ts'

const cannot = await whySandboxCannot()
if (cannot !== undefined) console.warn(`sandboxes are not tested: ${cannot}`)
const directory = mkdtempSync(join(tmpdir(), 'tributary-sandbox-'))
const create = (cgroups: boolean): SandboxRunner =>
  new SandboxRunner({
    directory,
    system: realSystem,
    log: silentLog,
    budgets: new GroupBudgets({ diskBytes: 64 << 20 }),
    cgroups,
  })

describe.skipIf(cannot !== undefined)('sandbox', () => {
  describeRunner('sandbox runner', { create: () => create(true), limitsDisk: true })
  describeRunner('sandbox runner without control groups', { create: () => create(false), limitsDisk: true })

  it('leaves nothing running when its daemon is killed', async () => {
    const mark = `400000.${process.pid}`
    const child = join(import.meta.dirname, '../../../../../test/support/sandbox-child.ts')
    const daemon = spawn(process.execPath, [child, mkdtempSync(join(tmpdir(), 'tributary-sandbox-')), mark], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(daemon.stdout, 'data')
    expect(processesWith(mark).length).toBeGreaterThan(0)
    daemon.kill('SIGKILL')
    await vi.waitFor(() => expect(processesWith(mark)).toEqual([]), { timeout: 10_000 })
  })

  it.runIf(process.getuid?.() === 0)('works for an ordinary user, who sees that it does', () => {
    const child = join(import.meta.dirname, '../../../../../test/support/sandbox-child.ts')
    const place = mkdtempSync(join(tmpdir(), 'tributary-sandbox-'))
    execFileSync('chown', ['54321:54321', place])
    const output = execFileSync(
      'setpriv',
      ['--reuid=54321', '--regid=54321', '--clear-groups', '--', process.execPath, child, place, 'once'],
      { env: { PATH: process.env.PATH ?? '', HOME: place }, encoding: 'utf8', timeout: 60_000 },
    )
    expect(output).toContain('uid=1000')
  })
})
