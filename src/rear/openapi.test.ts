import Type from 'typebox'
import { describe, expect, it } from 'vitest'
import { openApiDocument } from './openapi.ts'
import { PROBLEMS } from './problem.ts'
import type { Route } from './route.ts'
import { WireContractSchema } from './wire/contract.ts'
import { WirePurchaseRequestSchema } from './wire/dealing.ts'
import { WireFlavorSchema } from './wire/flavor.ts'

const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v2/transactions/{transactionID}/purchase',
    operationId: 'purchase',
    summary: 'Buys what a transaction holds',
    access: 'party',
    request: WirePurchaseRequestSchema,
    bodyOptional: true,
    responses: { 200: { description: 'The contract', schema: WireContractSchema } },
    handle: async () => ({ status: 200 }),
  },
  {
    method: 'GET',
    path: '/api/v2/flavors',
    operationId: 'listFlavors',
    summary: 'All flavors',
    access: 'known',
    query: [{ name: 'filter[cpu][match]', description: 'CPU cores' }],
    responses: {
      200: {
        description: 'A list',
        schema: Type.Array(WireFlavorSchema),
        headers: { 'X-Count': { description: 'How many', schema: Type.Integer() } },
      },
      204: { description: 'None' },
    },
    handle: async () => ({ status: 200 }),
  },
]

describe('the OpenAPI document', () => {
  const document: any = openApiDocument(routes, '1.2.3')

  it('has every operation with its parameters, bodies and refusals', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.version).toBe('1.2.3')
    expect(document.paths['/api/v2/transactions/{transactionID}/purchase'].post).toMatchObject({
      operationId: 'purchase',
      'x-access': 'party',
      parameters: [{ name: 'transactionID', in: 'path', required: true }],
      requestBody: {
        required: false,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/PurchaseRequest' } } },
      },
      responses: {
        200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Contract' } } } },
        default: { $ref: '#/components/responses/Problem' },
      },
    })
    const list = document.paths['/api/v2/flavors'].get
    expect(list.responses[200].headers).toEqual({
      'X-Count': { description: 'How many', schema: { type: 'integer' } },
    })
    expect(list.parameters).toMatchObject([{ name: 'filter[cpu][match]', in: 'query' }])
    expect(list.responses[200].content['application/json'].schema).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/Flavor' },
    })
    expect(list.responses[204]).toEqual({ description: 'None' })
  })

  it('has no dangling reference and no private keyword', () => {
    const text = JSON.stringify(document)
    const names = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]!)
    expect(new Set(names).size).toBeGreaterThan(10)
    for (const name of names) expect(document.components.schemas[name]).toHaveProperty('description')
    expect(text).not.toMatch(/x-(omit|quantity|verbatim|text|time|aliases|kubernetes|discriminator)/)
  })

  it('lists every problem code', () => {
    for (const code of Object.keys(PROBLEMS)) {
      expect(document.components.responses.Problem.description).toContain(`\`${code}\``)
    }
  })

  it('is the same whatever the order of the table, so that drift can be checked', () => {
    expect(JSON.stringify(openApiDocument(routes.toReversed(), '1.2.3'))).toBe(JSON.stringify(document))
  })
})
