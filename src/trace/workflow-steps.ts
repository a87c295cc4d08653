/**
 * The numbered steps of the workflow document, as data: who does what, in which role.
 *
 * Trace events, the demo's check, the docs' sequence diagrams and the tests all come from this table.
 */

/** The component rooms, as they are called in traces. */
export type ComponentName =
  | 'service-handler'
  | 'node-orchestrator'
  | 'rear-manager'
  | 'discovery-manager'
  | 'contract-manager'
  | 'network-manager'
  | 'virtual-fabric-manager'

export type WorkflowRole =
  | 'consumer'
  | 'provider'
  | 'supernode'
  | 'consumer-supernode'
  | 'provider-supernode'
  | 'catalog'

export type WorkflowNumber = 1 | 2 | 3 | 4

export interface WorkflowStep {
  readonly step: number
  readonly component: ComponentName
  readonly role: WorkflowRole
  /** What happens, in the words of the trace. */
  readonly message: string
  /** The step that this one goes back to, where the document says "see step". */
  readonly sameAs?: number
}

const consumer = (step: number, component: ComponentName, message: string, sameAs?: number): WorkflowStep => ({
  step,
  component,
  role: 'consumer',
  message,
  ...(sameAs === undefined ? {} : { sameAs }),
})
const provider = (step: number, component: ComponentName, message: string): WorkflowStep => ({
  step,
  component,
  role: 'provider',
  message,
})

/** Two nodes of one domain. Step 32 is the deployment, which the document has after its last number. */
export const WORKFLOW_1: readonly WorkflowStep[] = [
  consumer(1, 'service-handler', 'intent accepted'),
  consumer(2, 'node-orchestrator', 'intent decomposed into requests'),
  consumer(3, 'node-orchestrator', 'looked in Available Resources and Ratings and Metrics'),
  consumer(4, 'rear-manager', 'acquisition started'),
  consumer(5, 'rear-manager', 'looked in Peering Candidates'),
  consumer(6, 'rear-manager', 'flavor selector built and handed to the Discovery Manager'),
  consumer(7, 'discovery-manager', 'LIST_FLAVORS sent to all known endpoints'),
  provider(8, 'discovery-manager', 'looked for suitable flavors in Available Resources'),
  provider(9, 'discovery-manager', 'answered OK with flavors'),
  consumer(10, 'discovery-manager', 'Peering Candidates filled'),
  consumer(11, 'discovery-manager', 'discovery complete'),
  consumer(12, 'rear-manager', 'suitable candidate found in Peering Candidates', 5),
  consumer(13, 'rear-manager', 'Contract Manager asked to reserve'),
  consumer(14, 'contract-manager', 'RESERVE_FLAVOR sent'),
  provider(15, 'contract-manager', 'contract drafted, REAR Manager asked for the resources'),
  provider(16, 'rear-manager', 'flavor replaced by a reduced one, allocation Node inactive'),
  provider(17, 'rear-manager', 'resources reserved'),
  provider(18, 'contract-manager', 'answered OK'),
  consumer(19, 'contract-manager', 'contract created, signed by both'),
  consumer(20, 'rear-manager', 'allocation VirtualNode inactive'),
  consumer(21, 'rear-manager', 'Virtual Fabric Manager asked to peer'),
  consumer(22, 'virtual-fabric-manager', 'RESOURCE_REQUEST sent'),
  provider(23, 'virtual-fabric-manager', 'signed contract of the consumer found, peering completed'),
  provider(24, 'rear-manager', 'informed of the peering'),
  provider(25, 'rear-manager', 'allocation Node active'),
  provider(26, 'virtual-fabric-manager', 'RESOURCE_OFFER sent'),
  consumer(27, 'rear-manager', 'informed of the peering'),
  consumer(28, 'rear-manager', 'allocation VirtualNode active'),
  consumer(29, 'rear-manager', 'acquisition complete'),
  consumer(30, 'node-orchestrator', 'intent resumed'),
  consumer(31, 'node-orchestrator', 'suitable resources found in Available Resources', 3),
  consumer(32, 'node-orchestrator', 'workload deployed on the virtual node'),
]
