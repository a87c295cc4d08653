/** Steps 16, 17, 24 and 25, at the provider: what the Contract and the Virtual Fabric Manager have done here. */
import type { AvailableResources, HoldRequest, Refusal } from '../available-resources/index.ts'
import type { NodeBase } from '../node-base.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { TraceContext } from '../trace/index.ts'

interface ProviderOptions extends Pick<NodeBase, 'recorder'> {
  readonly available: AvailableResources
}

/** Steps 16 and 17: holds a part of a pool for a buyer. */
export async function reserveForPeer(
  { available, recorder }: ProviderOptions,
  pool: ObjectKey,
  entry: HoldRequest,
  trace?: TraceContext,
): Promise<Refusal | undefined> {
  const since = recorder.now()
  const peer = entry.buyer
  const refusal = await available.hold(pool, entry, trace)
  if (refusal) {
    const { detail } = refusal
    recorder.step(trace, 'flavor-reduced', { peer, since, outcome: 'failed', detail })
    return refusal
  }
  recorder.step(trace, 'flavor-reduced', { peer, since, detail: JSON.stringify(entry.amounts) })
  recorder.step(trace, 'resources-reserved', { peer })
  return refusal
}

/** Steps 24 and 25: the buyer's virtual node is there. */
export async function confirmPeering(
  { available, recorder }: ProviderOptions,
  contractID: string,
  buyer: string,
  trace?: TraceContext,
): Promise<void> {
  recorder.step(trace, 'peering-informed', { role: 'provider', peer: buyer })
  const since = recorder.now()
  await available.setActive(contractID, true)
  recorder.step(trace, 'allocation-activated', { role: 'provider', peer: buyer, since })
}
