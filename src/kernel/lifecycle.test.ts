import { pino } from 'pino'
import { expect, it } from 'vitest'
import { CONTRACT_LIFECYCLE } from '../objects/lifecycles/contract.ts'
import { HOLD_LIFECYCLE } from '../objects/lifecycles/hold.ts'
import { move } from './lifecycle.ts'

function recording() {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line) as never) },
  )
  return { log, lines }
}

it('gives the state that an event leads to, also from nowhere, and says nothing', () => {
  const { log, lines } = recording()
  expect(move(CONTRACT_LIFECYCLE, 'signed', { name: 'c', from: undefined, log })).toBe('Active')
  expect(move(CONTRACT_LIFECYCLE, 'closed', { name: 'c', from: 'Active', log })).toBe('Closing')
  expect(lines).toEqual([])
})

it('refuses an illegal move and logs kind, name, from and event', () => {
  const { log, lines } = recording()
  expect(move(CONTRACT_LIFECYCLE, 'closed', { name: 'c', from: 'Expired', log })).toBeUndefined()
  expect(move(CONTRACT_LIFECYCLE, 'closed', { name: 'c', from: 'Idle', log })).toBeUndefined()
  expect(move(CONTRACT_LIFECYCLE, 'released-early', { name: 'd', from: undefined, log })).toBeUndefined()
  expect(move(HOLD_LIFECYCLE, 'released', { name: 'h', from: 'allocated', log })).toBeUndefined()
  const warning = { level: 40, msg: 'illegal move refused' }
  expect(lines).toEqual([
    { ...warning, kind: 'Contract', name: 'c', from: 'Expired', event: 'closed' },
    { ...warning, kind: 'Contract', name: 'c', from: 'Idle', event: 'closed' },
    { ...warning, kind: 'Contract', name: 'd', from: 'New', event: 'released-early' },
    { ...warning, kind: 'Hold', name: 'h', from: 'allocated', event: 'released', to: 'Gone' },
  ])
})
