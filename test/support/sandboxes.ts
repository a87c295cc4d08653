/** Whether sandboxes work on this machine, found out with a real one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GroupBudgets, SandboxRunner } from '../../src/fabric/embedded/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem } from '../../src/kernel/system.ts'

/** @returns why they do not; undefined when they do */
export async function whySandboxCannot(): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'tributary-trial-'))
  const runner = new SandboxRunner({
    directory,
    system: realSystem,
    log: silentLog,
    budgets: new GroupBudgets({ diskBytes: 16 << 20 }),
  })
  try {
    await runner.start()
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    await runner.stop()
    await rm(directory, { recursive: true, force: true })
  }
}
