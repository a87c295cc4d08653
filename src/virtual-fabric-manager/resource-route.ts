/** Provider: answers RESOURCE_REQUEST with what the fabric offers (steps 23 to 26). */
import type { Fabric, ResourceOffer, SoldSlice } from '../fabric/fabric.ts'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { traceFromHeaders, type Recorder, type TraceContext } from '../trace/index.ts'
import { ResourceOfferSchema, type ResourceRequest, ResourceRequestSchema } from './resource-messages.ts'

export interface ResourceRouteOptions {
  readonly fabric: Fabric
  readonly recorder: Recorder
  /** What we sold under a contract that is in force. */
  readonly sold: (contractID: string) => SoldSlice | undefined
  /** The trace that the contract was made in. */
  readonly traceOf: (contractID: string) => TraceContext | undefined
  /** Steps 24 and 25. */
  readonly peered: (contractID: string, buyer: string, trace?: TraceContext) => Promise<void>
}

export function resourceRoute(options: ResourceRouteOptions): Route {
  return {
    method: 'PUT',
    path: '/api/v2/contracts/{contractID}/resources',
    operationId: 'requestResources',
    summary: 'RESOURCE_REQUEST: have the bought resources set up; answers with the RESOURCE_OFFER',
    access: 'party',
    request: ResourceRequestSchema,
    maxBodyBytes: 64 * 1024,
    responses: {
      200: { description: 'The offer: accepted, denied, or not ready yet.', schema: ResourceOfferSchema },
      404: { description: 'No contract of the caller in force.', schema: ProblemSchema },
    },
    handle: async ({ params, peer, headers, body }) => {
      const request = body as ResourceRequest
      return {
        status: 200,
        body: await offer(
          options,
          params['contractID']!,
          peer?.id,
          request,
          contractTrace(options, params['contractID']!, traceFromHeaders(headers, peer?.id)),
        ),
      }
    },
  }
}

/**
 * Who uses what was bought through relays asks for it himself; it belongs to what the buyer of the contract may see, who
 * passes it on.
 */
function contractTrace(
  { traceOf }: ResourceRouteOptions,
  contractID: string,
  sent: TraceContext | undefined,
): TraceContext | undefined {
  const made = traceOf(contractID)
  return sent && made?.traceID === sent.traceID && made.from !== undefined
    ? { ...sent, from: made.from }
    : sent
}

async function offer(
  { sold, fabric, peered, recorder }: ResourceRouteOptions,
  contractID: string,
  caller: string | undefined,
  { payload }: ResourceRequest,
  trace: TraceContext | undefined,
): Promise<ResourceOffer> {
  const since = recorder.now()
  const slice = sold(contractID)
  if (slice === undefined)
    throw new Problem('contract-not-found', 'no signed contract in force under this id')
  if (slice.buyer !== caller) throw new Problem('not-a-party', 'the contract is of another buyer')
  const answer = await fabric.offer(slice, payload)
  // An answer that is still being worked out is no step: the request that completes the exchange is.
  if (answer.status === 'Pending') return answer
  const accepted = answer.status === 'Accepted'
  const outcome = accepted ? 'ok' : 'failed'
  const detail = accepted ? answer.enforcement : answer.message
  recorder.step(trace, 'contract-found', { peer: caller, since, outcome, detail })
  if (accepted) await peered(contractID, caller, trace)
  recorder.step(trace, 'resources-offered', { peer: caller, since, outcome })
  return answer
}
