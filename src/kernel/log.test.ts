import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

/** @returns the lines that a program writes to its log */
function logged(program: string): readonly Record<string, unknown>[] {
  const script = `import { createLog } from ${JSON.stringify(import.meta.resolve('./log.ts'))}\n${program}`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script]
  // Logs go to standard error, whoever reads them.
  const shell = ['-c', 'exec "$0" "$@" 2>&1', process.execPath, ...args]
  return execFileSync('sh', shell, { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

const TWO_ERRORS = `
  log.warn({ err: Object.assign(new Error('cannot reach it'), { code: 'unreachable' }) }, 'foreseen')
  log.warn({ err: new TypeError('x is not a function') }, 'a mistake')`

describe('the log', () => {
  it('tells of an error with a code what and why, of any other also where', () => {
    const [foreseen, mistake] = logged(`const log = createLog('info', { node: 'a' })${TWO_ERRORS}`)
    expect(foreseen).toMatchObject({ node: 'a', msg: 'foreseen', level: 40 })
    expect(foreseen?.['err']).toEqual({ type: 'Error', code: 'unreachable', message: 'cannot reach it' })
    expect(mistake?.['err']).toMatchObject({
      type: 'TypeError',
      stack: expect.stringContaining('at ') as string,
    })
  })

  it('tells everything where details are asked for', () => {
    const [foreseen] = logged(`const log = createLog('debug')${TWO_ERRORS}`)
    expect(foreseen?.['err']).toMatchObject({
      code: 'unreachable',
      stack: expect.stringContaining('at ') as string,
    })
  })
})
