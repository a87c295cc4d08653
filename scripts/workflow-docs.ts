/**
 * Writes one page for each workflow, with its steps and its sequence diagram, from the step tables that the
 * program records its traces by. So the pages cannot say anything else than what happens.
 *
 *   npm run docs         writes docs/workflows/workflow-N.md
 *   npm run docs:check   fails when a committed page says something else
 */
import { componentTitle } from '../src/cli/component-names.ts'
import {
  ALONGSIDE,
  WORKFLOWS,
  type WorkflowNumber,
  type WorkflowRole,
  type WorkflowStep,
} from '../src/trace/index.ts'
import { writeOrCheck } from './generated-pages.ts'

interface Page {
  readonly title: string
  readonly intro: string
  /** From left to right. */
  readonly participants: readonly WorkflowRole[]
  /** Who is asked by whom for offers, in turn. */
  readonly question: readonly WorkflowRole[]
  /** Who has a contract with whom, in turn. */
  readonly contracts: readonly WorkflowRole[]
}

const PAGES: Readonly<Record<WorkflowNumber, Page>> = {
  1: {
    title: 'Two nodes in the same domain',
    intro: 'The consumer knows the provider, asks it for its offers, and buys from it.',
    participants: ['consumer', 'provider'],
    question: ['consumer', 'provider'],
    contracts: ['consumer', 'provider'],
  },
  2: {
    title: 'A node and the supernode in the same domain',
    intro:
      'The consumer knows its supernode only. The supernode answers with its own offers, with those that its nodes advertised to it, or asks them. The contract is made with the owner of the offer directly where it can be reached, else through the supernode.',
    participants: ['consumer', 'supernode', 'provider'],
    question: ['consumer', 'supernode', 'provider'],
    contracts: ['consumer', 'provider'],
  },
  3: {
    title: 'Two nodes in different domains, without a catalog',
    intro:
      'Consumer and provider cannot reach each other. Their supernodes pass on questions, contracts and traffic: each hop has a contract of its own with the next, and the traffic is encrypted from end to end.',
    participants: ['consumer', 'supernode', 'provider-supernode', 'provider'],
    question: ['consumer', 'supernode', 'provider-supernode', 'provider'],
    contracts: ['consumer', 'supernode', 'provider-supernode', 'provider'],
  },
  4: {
    title: 'Two nodes in different domains, with a catalog',
    intro:
      'Before all this (step 0, all the time) providers advertise signed offers to the catalog, refresh and withdraw them. The catalog answers from its table and asks nobody. It takes no part in contracts or traffic.',
    participants: ['consumer', 'supernode', 'catalog', 'provider-supernode', 'provider'],
    question: ['consumer', 'supernode', 'catalog'],
    contracts: ['consumer', 'supernode', 'provider-supernode', 'provider'],
  },
}

const NAMES: Readonly<Record<WorkflowRole, string>> = {
  consumer: 'Consumer node',
  provider: 'Provider node',
  supernode: "Consumer's supernode",
  'provider-supernode': "Provider's supernode",
  catalog: 'Catalog',
}

/** @returns who gets the message of a step; the one who takes it, when it is none between nodes */
function receiver(page: Page, { action, role }: WorkflowStep): WorkflowRole {
  const beside = (chain: readonly WorkflowRole[], distance: number): WorkflowRole =>
    chain[chain.indexOf(role) + distance] ?? role
  switch (action) {
    case 'list-sent':
      return beside(page.question, 1)
    case 'flavors-answered':
      return beside(page.question, -1)
    case 'reserve-sent':
      return beside(page.contracts, 1)
    case 'reserve-answered':
      return beside(page.contracts, -1)
    case 'resources-requested':
      return 'provider'
    case 'resources-offered':
      return 'consumer'
    default:
      return role
  }
}

function pageOf(workflow: WorkflowNumber): string {
  const page = PAGES[workflow]
  const steps = [...WORKFLOWS[workflow], ...ALONGSIDE[workflow]].toSorted((a, b) => a.step - b.step)
  const id = (role: WorkflowRole): string => role.replace('-', '')
  const lines = [
    `# Workflow ${workflow}: ${page.title}`,
    '',
    '<!-- Made by `npm run docs` from src/trace/workflow-steps.ts. Do not edit. -->',
    '',
    page.intro,
    '',
    `See it happen: \`npm run demo -- --workflow ${workflow}\`. See it afterwards: \`tributary trace INTENT\`.`,
    '',
    '```mermaid',
    'sequenceDiagram',
    ...page.participants.map((role) => `  participant ${id(role)} as ${NAMES[role]}`),
    ...steps.map((step) => {
      const to = receiver(page, step)
      const arrow =
        to === step.role
          ? '->>'
          : step.action.endsWith('answered') || step.action === 'resources-offered'
            ? '-->>'
            : '->>'
      return `  ${id(step.role)}${arrow}${id(to)}: ${step.step}. ${componentTitle(step.component)}: ${step.message.replaceAll(';', ',')}`
    }),
    '```',
    '',
    '| step | node | component | what happens |',
    '| ---: | --- | --- | --- |',
    ...steps.map(
      (step) =>
        `| ${step.step} | ${NAMES[step.role]} | ${componentTitle(step.component)} | ${step.message}${step.optional ? ' (only if nothing was found before)' : ''} |`,
    ),
    '',
  ]
  return lines.join('\n')
}

writeOrCheck(
  'docs/workflows',
  Object.fromEntries(
    ([1, 2, 3, 4] as const).map((workflow) => [`workflow-${workflow}.md`, pageOf(workflow)]),
  ),
  'src/trace/workflow-steps.ts',
)
