import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { TraceEvent } from '../objects/trace.ts'
import { stepLines } from './step-lines.ts'
import { styleFor } from './style.ts'

const ALPHA = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
const BETA = 'did:key:z6MkgYGF3thn8k1Fv4p4dWXKtsXCnLH7q9yw4QgNPULDmDKB'

const event: TraceEvent = {
  step: 8,
  workflow: 3,
  action: 'searched',
  component: 'discovery-manager',
  node: 'super',
  role: 'provider-supernode',
  message: `passed on to ${BETA}`,
  outcome: 'ok',
  peer: ALPHA,
  at: 10,
  ms: 1,
}

const linesAt = (width: number | undefined, roles = true) =>
  stepLines({
    style: styleFor({ env: {} }, new Writable()),
    names: new Map([[ALPHA, 'alpha']]),
    nodes: ['alpha', 'super', 'beta'],
    roles,
    width,
  })

describe('the lines of steps', () => {
  it('say what the nodes are where there is room for it', () => {
    expect(linesAt(160).header).toMatch(/NODE +ROLE +COMPONENT/)
    expect(linesAt(undefined).line(event, 0)).toMatch(/super +provider-supernode +Discovery Manager/)
    for (const lines of [linesAt(120), linesAt(160, false)]) {
      expect(lines.header).toMatch(/NODE +COMPONENT/)
      expect(lines.line(event, 0)).not.toContain('provider-supernode')
    }
  })

  it('line up with their header and fit the terminal', () => {
    for (const width of [80, 120, 139, 140, 200]) {
      const { header, line } = linesAt(width)
      const at = header.indexOf('WHAT HAPPENED')
      const [first, ...more] = line({ ...event, message: 'word '.repeat(60).trim() }, 0).split('\n')
      expect(first!.slice(at), String(width)).toMatch(/^word/)
      for (const each of more) expect(each.search(/\S/), String(width)).toBe(at)
      for (const each of [first!, ...more]) expect(each.length).toBeLessThanOrEqual(width)
    }
  })

  it('name the nodes that have a name, and shorten the ids of others', () => {
    expect(linesAt(undefined).line(event, 0)).toMatch(/passed on to z6MkgY…mDKB ↔\u00a0alpha$/)
  })
})
