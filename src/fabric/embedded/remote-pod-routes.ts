/** The routes about pods that the provider of a slice serves to its buyer. */
import Type from 'typebox'
import type { Route, RouteCall, RouteReply } from '../../rear/route.ts'
import type { SoldSlice } from '../fabric.ts'
import {
  POD_PATH,
  PODS_PATH,
  RemotePodSchema,
  RemotePodsSchema,
  RemotePodStateSchema,
  RemovedPodSchema,
} from './pods-protocol.ts'

export interface RemotePodHandlers {
  /** @throws Problem unless the caller bought what runs under the contract */
  slice(contractID: string, peer: RouteCall['peer']): SoldSlice
  list(slice: SoldSlice, call: RouteCall): Promise<RouteReply>
  put(slice: SoldSlice, call: RouteCall): Promise<RouteReply>
  delete(slice: SoldSlice, call: RouteCall): Promise<RouteReply>
}

export function remotePodRoutes(handlers: RemotePodHandlers): readonly Route[] {
  const contract = ({ params, peer }: RouteCall): SoldSlice => handlers.slice(params.contractID!, peer)
  return [
    {
      method: 'GET',
      path: PODS_PATH,
      operationId: 'listRemotePods',
      summary: 'The pods that there are under the contract; waits for a change if asked to',
      access: 'party',
      query: [
        { name: 'since', description: 'The revision that the caller has.' },
        {
          name: 'wait',
          description: 'For how many milliseconds to wait for another one.',
          schema: Type.Integer(),
        },
      ],
      responses: { 200: { description: 'All pods.', schema: RemotePodsSchema } },
      handle: (call) => handlers.list(contract(call), call),
    },
    {
      method: 'PUT',
      path: POD_PATH,
      operationId: 'putRemotePod',
      summary: 'Has a pod run under the contract',
      access: 'party',
      request: RemotePodSchema,
      maxBodyBytes: 256 * 1024,
      responses: {
        200: { description: 'It was there already.', schema: RemotePodStateSchema },
        201: { description: 'It will run.', schema: RemotePodStateSchema },
      },
      handle: (call) => handlers.put(contract(call), call),
    },
    {
      method: 'DELETE',
      path: POD_PATH,
      operationId: 'deleteRemotePod',
      summary: 'Ends a pod that runs under the contract',
      access: 'party',
      query: [{ name: 'uid', description: 'Only if it is the pod with this uid.' }],
      responses: {
        200: { description: 'Nothing of it is left.', schema: RemovedPodSchema },
        202: { description: 'It is ending.', schema: RemovedPodSchema },
      },
      handle: (call) => handlers.delete(contract(call), call),
    },
  ]
}
