/** Attacks on the control API with bodies that are small and stand for much. */
import { load } from 'js-yaml'
import { describe } from 'vitest'
import { ALL_KINDS } from '../../src/objects/index.ts'
import { serve } from '../support/control-api.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'
import { wasDone } from './support/control.ts'

const CONFIG = '/api/v1/namespaces/default/configmaps'
const MANY = 1_000_000

async function post(body: string): Promise<Tried> {
  const { call } = await serve({ kinds: ALL_KINDS })
  return wasDone(await call('POST', CONFIG, body, { 'content-type': 'application/yaml' }))
}

/** What a reader without limits would have the node write out: counted, each shared value as often as it is met. */
function readWithoutLimits(body: string): Tried {
  const known = new Map<object, number>()
  const count = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) return 1
    const before = known.get(value)
    if (before !== undefined) return before
    const sum = Object.values(value).reduce<number>((all, each) => all + count(each), 1)
    known.set(value, sum)
    return sum
  }
  const values = count(load(body, { maxDepth: Infinity } as object))
  return values > MANY ? succeeded(`${values} values of ${body.length} bytes`) : failed(`${values} values`)
}

/** Lists of the list before, `width` times, `levels` deep. */
function laughs(width: number, levels: number): string {
  const lines = ['metadata: {name: x}', 'a0: &a0 [x]']
  for (let level = 1; level <= levels; level++)
    lines.push(
      `a${level}: &a${level} [${Array(width)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    )
  return lines.join('\n')
}

describe('a body', () => {
  attack('of nine lines of YAML is written out as hundreds of millions of values (billion laughs)', {
    defended: () => post(laughs(9, 8)),
    stoppedBy: /^413.*aliases|^413.*values/s,
    control: () => Promise.resolve(readWithoutLimits(laughs(9, 8))),
  })

  attack('has few aliases, of much', {
    defended: () => post(laughs(90, 4)),
    stoppedBy: /^413/,
    control: () => Promise.resolve(readWithoutLimits(laughs(90, 4))),
  })

  attack('of one megabyte has half a million values', {
    defended: () => post(`metadata: {name: x}\ndata: [${'1,'.repeat(520_000)}1]`),
    stoppedBy: /^413/,
    control: () => {
      const values = (load(`[${'1,'.repeat(520_000)}1]`) as unknown[]).length
      return Promise.resolve(values > MANY / 2 ? succeeded(`${values} values`) : failed(`${values} values`))
    },
  })
})
