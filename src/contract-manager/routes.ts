/** The REAR routes of the Contract Manager. */
import Type from 'typebox'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import {
  decodePurchaseRequest,
  decodeReserveRequest,
  encodeTransaction,
  WireContractSchema,
  WirePurchaseRequestSchema,
  WireReserveRequestSchema,
  WireTransactionSchema,
} from '../rear/wire/index.ts'
import { traceFromHeaders } from '../trace/index.ts'
import { SignedClosingSchema, type SignedClosing } from './closing-statement.ts'
import type { Closing } from './closing.ts'
import { phaseOf, type Contracts } from './contracts.ts'
import type { Seller } from './seller.ts'

const refused = (description: string) => ({ description, schema: ProblemSchema })

/** @returns the routes RESERVE, PURCHASE, cancel, close and look-up */
export function contractRoutes(seller: Seller, closing: Closing, contracts: Contracts): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v2/reservations',
      operationId: 'reserveFlavor',
      summary: 'RESERVE_FLAVOR: hold a part of a flavor for a limited time',
      access: 'accepted',
      request: WireReserveRequestSchema,
      // A service may need a long configuration.
      maxBodyBytes: 64 * 1024,
      responses: {
        200: {
          description: 'Held. With the draft of the contract, to be signed.',
          schema: WireTransactionSchema,
        },
        404: refused('The flavor is not on offer.'),
        409: refused(
          'Not enough left, or not divisible that way; with the successor flavor if there is one.',
        ),
        422: refused('The configuration does not fit the flavor.'),
      },
      async handle({ body, peer, headers, from }) {
        const transaction = await seller.reserve(
          decodeReserveRequest(body),
          peer?.id,
          traceFromHeaders(headers, peer?.id),
          from,
        )
        return { status: 200, body: encodeTransaction(transaction) }
      },
    },
    {
      method: 'POST',
      path: '/api/v2/transactions/{transactionID}/purchase',
      operationId: 'purchaseFlavor',
      summary: 'PURCHASE_FLAVOR: buy what a transaction holds',
      access: 'accepted',
      request: WirePurchaseRequestSchema,
      // Upstream nodes send a kubeconfig along.
      maxBodyBytes: 64 * 1024,
      bodyOptional: true,
      responses: {
        200: { description: 'The contract, signed by both.', schema: WireContractSchema },
        404: refused('No such transaction.'),
        410: refused('The hold ended.'),
        422: refused('The signature of the buyer is missing or wrong.'),
      },
      async handle({ params, body, peer }) {
        const request = decodePurchaseRequest(body ?? {})
        return { status: 200, body: await seller.purchase(params['transactionID']!, request, peer?.id) }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/transactions/{transactionID}',
      operationId: 'cancelTransaction',
      summary: 'Give a hold back before it was bought',
      access: 'accepted',
      responses: { 204: { description: 'Given back, or there was none.' }, 409: refused('It was bought.') },
      async handle({ params, peer }) {
        await seller.cancel(params['transactionID']!, peer?.id)
        return { status: 204 }
      },
    },
    {
      method: 'GET',
      path: '/api/v2/contracts/{contractID}',
      operationId: 'getContract',
      summary: 'What this side knows of a contract',
      access: 'party',
      responses: {
        200: {
          description: 'The contract and its phase.',
          schema: Type.Object({
            phase: Type.String(),
            contract: WireContractSchema,
            closing: Type.Optional(SignedClosingSchema),
          }),
        },
        404: refused('No such contract.'),
      },
      async handle({ params, peer }) {
        const contract = contracts.get(params['contractID']!)
        if (contract === undefined) throw new Problem('contract-not-found', 'no such contract here')
        const { buyer, seller: sells } = contract.spec
        if (peer?.id !== buyer.nodeID && peer?.id !== sells.nodeID)
          throw new Problem('not-a-party', 'caller is not a party to the contract')
        return {
          status: 200,
          body: {
            phase: phaseOf(contract),
            contract: contract.spec.document,
            closing: contract.status?.closing,
          },
        }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/contracts/{contractID}',
      operationId: 'closeContract',
      summary: 'End a contract; answers with the closing statement signed by both sides',
      access: 'party',
      request: SignedClosingSchema,
      responses: {
        200: { description: 'Ended.', schema: SignedClosingSchema },
        404: refused('No such contract.'),
        422: refused('The statement is not signed by the caller.'),
      },
      async handle({ params, body, peer }) {
        if (peer === undefined) throw new Problem('not-authenticated', 'only a party may close a contract')
        return {
          status: 200,
          body: await closing.closeByPeer(params['contractID']!, body as SignedClosing, peer.id),
        }
      },
    },
  ]
}
