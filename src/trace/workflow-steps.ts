/**
 * The numbered steps of the four workflows, as data: who does what, in which role.
 *
 * What a component records is an action in a role; its number follows from the workflow that it turned out to
 * be. Trace events, the demo's check, the docs' sequence diagrams and the tests all come from these tables.
 */

/** The component rooms, as they are called in traces. */
export type ComponentName =
  | 'service-handler'
  | 'node-orchestrator'
  | 'rear-manager'
  | 'discovery-manager'
  | 'contract-manager'
  | 'virtual-fabric-manager'
  | 'network-manager'

export type WorkflowRole =
  | 'consumer'
  | 'provider'
  /** Of the consumer's domain. */
  | 'supernode'
  /** Of another domain than the consumer's. */
  | 'provider-supernode'
  | 'catalog'

export type WorkflowNumber = 1 | 2 | 3 | 4

/** Every action that a component records, with the component whose it is and the words of the trace. */
export const ACTIONS = {
  'offers-stored': ['discovery-manager', 'signed offer of an ADVERTISE checked and stored'],
  'intent-accepted': ['service-handler', 'intent accepted'],
  'intent-decomposed': ['node-orchestrator', 'intent decomposed into requests'],
  'places-looked-up': ['node-orchestrator', 'looked in Available Resources and Ratings and Metrics'],
  'acquisition-started': ['rear-manager', 'acquisition started'],
  'candidates-looked-up': ['rear-manager', 'looked in Peering Candidates'],
  'selector-built': ['rear-manager', 'flavor selector built and handed to the Discovery Manager'],
  'list-sent': ['discovery-manager', 'LIST_FLAVORS sent'],
  'flavors-looked-up': ['discovery-manager', 'looked for suitable flavors in Available Resources'],
  'candidates-searched': ['discovery-manager', 'looked for suitable flavors in Peering Candidates'],
  'flavors-answered': ['discovery-manager', 'answered OK with flavors'],
  'candidates-filled': ['discovery-manager', 'Peering Candidates filled'],
  'discovery-complete': ['discovery-manager', 'discovery complete'],
  'candidate-found': ['rear-manager', 'suitable candidate found in Peering Candidates'],
  'reserve-asked': ['rear-manager', 'Contract Manager asked to reserve'],
  'reserve-sent': ['contract-manager', 'RESERVE_FLAVOR sent'],
  'contract-drafted': ['contract-manager', 'contract drafted, REAR Manager asked for the resources'],
  'flavor-reduced': ['rear-manager', 'flavor replaced by a reduced one, allocation Node inactive'],
  'resources-reserved': ['rear-manager', 'resources reserved'],
  'reserve-answered': ['contract-manager', 'answered OK'],
  'contract-created': ['contract-manager', 'contract created, signed by both'],
  'router-deployed': ['network-manager', 'made aware of the contract, virtual router deployed'],
  'allocation-created': ['rear-manager', 'allocation VirtualNode inactive'],
  'peering-asked': ['rear-manager', 'Virtual Fabric Manager asked to peer'],
  'resources-requested': ['virtual-fabric-manager', 'RESOURCE_REQUEST sent'],
  'contract-found': ['virtual-fabric-manager', 'signed contract found, peering completed'],
  'peering-informed': ['rear-manager', 'informed of the peering'],
  'allocation-activated': ['rear-manager', 'allocation active'],
  'resources-offered': ['virtual-fabric-manager', 'RESOURCE_OFFER sent'],
  'acquisition-complete': ['rear-manager', 'acquisition complete'],
  'intent-resumed': ['node-orchestrator', 'intent resumed'],
  'place-found': ['node-orchestrator', 'suitable resources found in Available Resources'],
  'workload-deployed': ['node-orchestrator', 'workload deployed on the virtual node'],
} as const satisfies Readonly<Record<string, readonly [ComponentName, string]>>
export type Action = keyof typeof ACTIONS

export interface WorkflowStep {
  /** Its number in the workflow document; the deployment has the one after the last. */
  readonly step: number
  readonly action: Action
  readonly role: WorkflowRole
  readonly component: ComponentName
  readonly message: string
  /** Taken only if the step before it found nothing, as the document says ("if there are none"). */
  readonly optional: boolean
}

function table(
  rows: readonly (readonly [number, WorkflowRole, Action, 'optional'?])[],
): readonly WorkflowStep[] {
  return rows.map(([step, role, action, optional]) => ({
    step,
    role,
    action,
    component: ACTIONS[action][0],
    message: ACTIONS[action][1],
    optional: optional === 'optional',
  }))
}

/** The way from the intent to the question, the same in all workflows: steps 1 to 7. */
const BEGINNING = [
  [1, 'consumer', 'intent-accepted'],
  [2, 'consumer', 'intent-decomposed'],
  [3, 'consumer', 'places-looked-up'],
  [4, 'consumer', 'acquisition-started'],
  [5, 'consumer', 'candidates-looked-up'],
  [6, 'consumer', 'selector-built'],
  [7, 'consumer', 'list-sent'],
] as const

/** From the contract to the deployment, the same in all workflows; `first` is the number of its first step. */
function peering(first: number): readonly (readonly [number, WorkflowRole, Action])[] {
  const rows: readonly (readonly [WorkflowRole, Action])[] = [
    ['consumer', 'contract-created'],
    ['consumer', 'allocation-created'],
    ['consumer', 'peering-asked'],
    ['consumer', 'resources-requested'],
    ['provider', 'contract-found'],
    ['provider', 'peering-informed'],
    ['provider', 'allocation-activated'],
    ['provider', 'resources-offered'],
    ['consumer', 'peering-informed'],
    ['consumer', 'allocation-activated'],
    ['consumer', 'acquisition-complete'],
    ['consumer', 'intent-resumed'],
    ['consumer', 'place-found'],
    ['consumer', 'workload-deployed'],
  ]
  return rows.map(([role, action], index) => [first + index, role, action])
}

/** The provider's own reservation: `first` to `first + 3`. */
function reservation(first: number): readonly (readonly [number, WorkflowRole, Action])[] {
  return [
    [first, 'provider', 'contract-drafted'],
    [first + 1, 'provider', 'flavor-reduced'],
    [first + 2, 'provider', 'resources-reserved'],
    [first + 3, 'provider', 'reserve-answered'],
  ]
}

/** Two nodes in the same domain. */
export const WORKFLOW_1: readonly WorkflowStep[] = table([
  ...BEGINNING,
  [8, 'provider', 'flavors-looked-up'],
  [9, 'provider', 'flavors-answered'],
  [10, 'consumer', 'candidates-filled'],
  [11, 'consumer', 'discovery-complete'],
  [12, 'consumer', 'candidate-found'],
  [13, 'consumer', 'reserve-asked'],
  [14, 'consumer', 'reserve-sent'],
  ...reservation(15),
  ...peering(19),
])

/** A node and the supernode in the same domain. */
export const WORKFLOW_2: readonly WorkflowStep[] = table([
  ...BEGINNING,
  [8, 'supernode', 'flavors-looked-up'],
  [9, 'supernode', 'candidates-searched', 'optional'],
  [10, 'supernode', 'list-sent', 'optional'],
  [11, 'supernode', 'candidates-filled', 'optional'],
  [12, 'supernode', 'flavors-answered'],
  [13, 'consumer', 'candidates-filled'],
  [14, 'consumer', 'discovery-complete'],
  [15, 'consumer', 'candidate-found'],
  [16, 'consumer', 'reserve-asked'],
  [17, 'consumer', 'reserve-sent'],
  ...reservation(18),
  ...peering(22),
])

/** Two nodes in different domains, without a catalog. */
export const WORKFLOW_3: readonly WorkflowStep[] = table([
  ...BEGINNING,
  [8, 'supernode', 'flavors-looked-up'],
  [9, 'supernode', 'candidates-searched'],
  [10, 'supernode', 'list-sent'],
  [11, 'provider-supernode', 'flavors-looked-up'],
  [12, 'provider-supernode', 'candidates-filled', 'optional'],
  [13, 'provider-supernode', 'flavors-answered'],
  [14, 'supernode', 'candidates-filled'],
  [15, 'supernode', 'flavors-answered'],
  [16, 'consumer', 'candidates-filled'],
  [17, 'consumer', 'discovery-complete'],
  [18, 'consumer', 'candidate-found'],
  [19, 'consumer', 'reserve-asked'],
  [20, 'consumer', 'reserve-sent'],
  [21, 'supernode', 'reserve-sent'],
  [22, 'provider-supernode', 'reserve-sent'],
  ...reservation(23),
  [27, 'provider-supernode', 'reserve-answered'],
  [28, 'supernode', 'reserve-answered'],
  ...peering(29),
])

/**
 * Two nodes in different domains, with a catalog. Step 0 goes on all the time, before there is an intent: its
 * event is what the catalog said with the offer that was bought, at the catalog's own time.
 */
export const WORKFLOW_4: readonly WorkflowStep[] = table([
  [0, 'catalog', 'offers-stored'],
  ...BEGINNING,
  [8, 'supernode', 'flavors-looked-up'],
  [9, 'supernode', 'candidates-searched'],
  [10, 'supernode', 'list-sent'],
  [11, 'catalog', 'candidates-searched'],
  [12, 'catalog', 'flavors-answered'],
  [13, 'supernode', 'candidates-filled'],
  [14, 'supernode', 'flavors-answered'],
  [15, 'consumer', 'candidates-filled'],
  [16, 'consumer', 'discovery-complete'],
  [17, 'consumer', 'candidate-found'],
  [18, 'consumer', 'reserve-asked'],
  [19, 'consumer', 'reserve-sent'],
  [20, 'supernode', 'reserve-sent'],
  [21, 'provider-supernode', 'reserve-sent'],
  ...reservation(22),
  [26, 'provider-supernode', 'reserve-answered'],
  [27, 'supernode', 'reserve-answered'],
  ...peering(28),
])

export const WORKFLOWS: Readonly<Record<WorkflowNumber, readonly WorkflowStep[]>> = {
  1: WORKFLOW_1,
  2: WORKFLOW_2,
  3: WORKFLOW_3,
  4: WORKFLOW_4,
}

/**
 * What another component does at the same time as a step, under the same number: the Network Managers deploy virtual
 * routers when their informers make them aware of the contracts. It has no place in the order of the steps.
 */
export const ALONGSIDE: Readonly<Record<WorkflowNumber, readonly WorkflowStep[]>> = {
  1: routers([18, 'provider'], [19, 'consumer']),
  2: routers([21, 'provider'], [22, 'consumer']),
  3: routers([26, 'provider'], [27, 'provider-supernode'], [28, 'supernode'], [29, 'consumer']),
  4: routers([25, 'provider'], [26, 'provider-supernode'], [27, 'supernode'], [28, 'consumer']),
}

function routers(...rows: readonly (readonly [number, WorkflowRole])[]): readonly WorkflowStep[] {
  return table(rows.map(([step, role]) => [step, role, 'router-deployed']))
}

const NUMBERS: Readonly<Record<WorkflowNumber, ReadonlyMap<string, number>>> = {
  1: numbersOf([...WORKFLOW_1, ...ALONGSIDE[1]]),
  2: numbersOf([...WORKFLOW_2, ...ALONGSIDE[2]]),
  3: numbersOf([...WORKFLOW_3, ...ALONGSIDE[3]]),
  4: numbersOf([...WORKFLOW_4, ...ALONGSIDE[4]]),
}

function numbersOf(steps: readonly WorkflowStep[]): ReadonlyMap<string, number> {
  return new Map(steps.map(({ action, role, step }) => [`${action} ${role}`, step]))
}

/** The number of what is no step of a workflow; 0 is one. */
export const NO_STEP = -1

/** @returns the number of an action in a workflow; `NO_STEP` when the workflow has no such step */
export function stepNumber(workflow: WorkflowNumber, action: string, role: string): number {
  return NUMBERS[workflow].get(`${action} ${role}`) ?? NO_STEP
}
