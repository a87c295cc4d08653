import { describe, expect, it } from 'vitest'
import type { TraceEvent } from '../../objects/trace.ts'
import { StepOrder } from './step-order.ts'

const event = (step: number, at: number): TraceEvent => ({
  step,
  at,
  workflow: 3,
  action: 'x',
  component: 'rear-manager',
  node: 'alpha',
  role: 'consumer',
  message: '',
  outcome: 'ok',
  ms: 0,
})
const times = (events: readonly TraceEvent[]): readonly number[] => events.map(({ at }) => at)

describe('the order of steps', () => {
  it('lets numbers through as they come, and holds one back until those before it are there', () => {
    const order = new StepOrder()
    order.add(event(1, 10), 0)
    expect(times(order.take(0))).toEqual([10])
    order.add(event(3, 30), 0)
    expect(order.take(100)).toEqual([])
    order.add(event(2, 20), 100)
    expect(times(order.take(100))).toEqual([20, 30])
    expect(order.isEmpty).toBe(true)
  })

  it('holds what has no number back for numbers that happened earlier and are heard of later', () => {
    const order = new StepOrder()
    order.add(event(0, 25), 0)
    expect(order.take(0)).toEqual([])
    order.add(event(1, 10), 50)
    expect(times(order.take(50))).toEqual([10])
    order.add(event(2, 30), 60)
    expect(times(order.take(60))).toEqual([25, 30])
  })

  it('lets what is late through at once: it cannot come in order any more', () => {
    const order = new StepOrder()
    order.add(event(1, 10), 0)
    order.take(0)
    order.add(event(0, 5), 1)
    expect(times(order.take(1))).toEqual([5])
  })

  it('waits no longer than its patience, and gives all away in the end', () => {
    const order = new StepOrder()
    order.add(event(7, 70), 0)
    order.add(event(0, 80), 200)
    expect(order.take(299)).toEqual([])
    expect(times(order.take(300))).toEqual([70])
    expect(order.isEmpty).toBe(false)
    expect(times(order.takeAll())).toEqual([80])
    expect(order.isEmpty).toBe(true)
  })
})
