import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import {
  isProblem,
  Problem,
  PROBLEMS,
  problemResponse,
  ProblemSchema,
  readProblem,
  type ProblemCode,
} from './problem.ts'

const codes = Object.keys(PROBLEMS) as ProblemCode[]

describe('problems', () => {
  it.each(codes)('%s is a valid problem document that a client can read back', (code) => {
    const response = problemResponse(new Problem(code, 'why'))
    expect(response.status).toBeGreaterThanOrEqual(400)
    const document: unknown = JSON.parse(response.body as string)
    expect(Compile(ProblemSchema).Check(document)).toBe(true)
    expect(readProblem({ status: response.status, body: response.body })).toEqual({
      status: response.status,
      code,
      detail: 'why',
      document,
    })
  })

  it('codes and titles are stable words, each with a meaning for the documentation', () => {
    for (const code of codes) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(PROBLEMS[code].meaning).toMatch(/\.$/)
    }
  })

  it('extensions cannot forge the standard members', () => {
    const document = new Problem('conflict', 'd', { extensions: { code: 'x', type: 'y', more: 1 } }).toJSON()
    expect(document).toMatchObject({ code: 'conflict', type: 'urn:tributary:problem:conflict', more: 1 })
  })

  it('the cause stays here', () => {
    const cause = new Error('secret')
    const problem = new Problem('internal-error', 'd', { cause })
    expect(problem.cause).toBe(cause)
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(isProblem(problem, 'internal-error')).toBe(true)
    expect(isProblem(problem, 'conflict')).toBe(false)
    expect(isProblem(cause)).toBe(false)
  })

  it.each([
    ['Error getting the Flavor by ID\n', 'Error getting the Flavor by ID'],
    [undefined, ''],
    ['[1]', '[1]'],
    ['{"code":"toString","detail":5}', '{"code":"toString","detail":5}'],
  ])('the answer %j of another kind of node is read as text', (body, detail) => {
    expect(readProblem({ status: 500, body })).toMatchObject({ status: 500, code: undefined, detail })
  })
})
