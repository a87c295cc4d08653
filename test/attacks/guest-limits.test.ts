/** A guest tries to take more of the machine than its contract gives, or for longer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import {
  type PodSpecToRun,
  ProcessRunner,
  type Runner,
  SandboxRunner,
} from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { runScript } from '../conformance/runner.ts'
import { podToRun } from '../support/pod-to-run.ts'
import { whySandboxCannot } from '../support/sandboxes.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const cannot = await whySandboxCannot()
const directory = mkdtempSync(join(tmpdir(), 'tributary-attack-'))
const common = { directory, system: realSystem, log: silentLog }
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const sandbox = (): Runner => new SandboxRunner({ ...common, diskBytes: 16 << 20 })
const unlimited = (): Runner => new ProcessRunner({ ...common, cgroups: false })

/** @param limits what the contract gives */
async function asGuest(
  runner: Runner,
  script: string,
  limits: PodSpecToRun['group']['limits'],
): Promise<Tried> {
  await runner.start()
  try {
    const pod = await runner.makePod(podToRun({ group: { id: 'contract-1', limits } }))
    const { container, said } = await runScript(pod, script, {
      env: { PATH: pod.path ?? '', HOME: pod.home ?? '' },
      limits: {},
    })
    await container.exited
    return said().includes('got-it') ? succeeded(said().trim()) : failed(said().trim())
  } finally {
    await runner.stop()
  }
}

const FILL = 'dd if=/dev/zero of="$HOME/x" bs=1M count=40 && echo got-it; rm -f "$HOME/x"'
attack("a guest fills the owner's disk beyond its contract", {
  defended: () => asGuest(sandbox(), FILL, { diskBytes: 16 << 20 }),
  control: () => asGuest(unlimited(), FILL, { diskBytes: 16 << 20 }),
  stoppedBy: /No space left/,
  cannot,
})
