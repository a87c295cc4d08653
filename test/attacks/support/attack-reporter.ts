/** Sums up a run of the attacks in one last line; given to vitest by `npm run attacks`. */
import type { Reporter, TestModule } from 'vitest/node'

export default class AttackReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let tried = 0
    let succeeded = 0
    const cannot = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { attack } = test.meta()
        if (attack === undefined) continue
        if (attack.cannot !== undefined) {
          cannot.set(attack.cannot, (cannot.get(attack.cannot) ?? 0) + 1)
          continue
        }
        tried += 1
        if (attack.succeeded) succeeded += 1
      }
    }
    for (const [reason, count] of cannot) process.stdout.write(`${count} attacks not tried here: ${reason}\n`)
    process.stdout.write(`${tried} attacks tried, ${succeeded} succeeded\n`)
    // Nothing tried is nothing proved.
    if (tried === 0 || succeeded > 0) process.exitCode = 1
  }
}
