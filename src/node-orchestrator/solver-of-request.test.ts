import { expect, it } from 'vitest'
import type { Intent } from '../objects/intent.ts'
import type { Solver } from '../objects/solver.ts'
import type { WorkloadRequest } from './decompose.ts'
import { isOfAnIntent } from '../objects/solver.ts'
import { intentOfSolver, solverName, solverOf, solverSelector } from './solver-of-request.ts'

const LABEL = 'tributary.io/intent'

const intentNamed = (name: string) =>
  ({ metadata: { namespace: 'team', name }, spec: {} }) as unknown as Pick<Intent, 'metadata' | 'spec'>
const request = (name: string) => ({ name, amounts: { cpu: '1' } }) as unknown as WorkloadRequest
const made = (intent: string, part: string) =>
  solverOf(intentNamed(intent), request(part), false, undefined) as unknown as Solver

it('labels the solvers of an intent with a long name as a label can, and finds the intent again', () => {
  const [one, other] = [`${'a'.repeat(80)}.one`, `${'a'.repeat(80)}.two`]
  const solver = made(one, 'web')
  const label = solver.metadata.labels![LABEL]!
  // What Kubernetes takes as the value of a label.
  expect(label).toMatch(/^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$/)
  expect(label.length).toBeLessThanOrEqual(63)
  expect(made(other, 'web').metadata.labels![LABEL]).not.toBe(label)
  expect(solverSelector(intentNamed(one))).toEqual({ matchLabels: { [LABEL]: label } })
  expect(intentOfSolver(solver)).toEqual({ namespace: 'team', name: one })
  expect(isOfAnIntent(solver)).toBe(true)
})

it('keeps short names as they are', () => {
  expect(made('job', 'front').metadata).toMatchObject({ name: 'job-front', labels: { [LABEL]: 'job' } })
})

it('gives the parts of an intent solvers of different names, however long these are', () => {
  const intent = intentNamed('i'.repeat(200))
  const names = ['front', 'back'].map((part) => solverName(intent, `${'p'.repeat(60)}-${part}`))
  expect(new Set(names).size).toBe(2)
  for (const name of names) expect(name.length).toBeLessThanOrEqual(253)
})
