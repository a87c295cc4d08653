/**
 * Tells a person what happens in a demo, as it happens.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TraceEvent } from '../../objects/trace.ts'
import { type Context, print, widthOf } from '../context.ts'
import { humanMs } from '../human-time.ts'
import { shellWord } from '../node-directory.ts'
import { withNodeNames } from '../peer-names.ts'
import { printable, shortId } from '../printable.ts'
import { stepLines, type StepLines } from '../step-lines.ts'
import { styleFor } from '../style.ts'
import type { Capacity } from './capacity.ts'
import type { NodeProcess } from './node-process.ts'
import type { Scenario, ScenarioNode } from './scenario.ts'

export interface Reporter {
  began(scenario: Scenario): void
  nodeStarted(node: ScenarioNode, process: NodeProcess): void
  /** @param runner in what programs of buyers run at the provider */
  acquainted(runner: string): void
  applied(file: string, text: string, before: Capacity): void
  step(event: TraceEvent): void
  /** @param spared optional steps that did not have to be taken */
  stepsDone(count: number, ms: number, spared: readonly number[]): void
  running(where: string, during: Capacity): void
  /** What was bought, and for how much in all. */
  bought(lines: readonly string[]): void
  fetched(url: string, body: string, ms: number): void
  tearingDown(): void
  tornDown(after: Capacity, ms: number): void
  done(totalMs: number): void
  kept(nodes: readonly NodeProcess[], consumer: NodeProcess, folder: string, url: string | undefined): void
  failed(reasons: readonly string[], troubles: readonly string[]): void
}

const PROGRAM = fileURLToPath(new URL('../../../bin/tributary', import.meta.url))

/** Says nothing: the result speaks for itself. */
export const silentReporter: Reporter = {
  began() {},
  nodeStarted() {},
  acquainted() {},
  applied() {},
  step() {},
  stepsDone() {},
  running() {},
  bought() {},
  fetched() {},
  tearingDown() {},
  tornDown() {},
  done() {},
  kept() {},
  failed() {},
}

export function textReporter(context: Context, names: ReadonlyMap<string, string>): Reporter {
  const { stdout } = context
  const style = styleFor(context, stdout)
  const say = (...lines: readonly string[]): void => print(context, ...lines)
  const ok = (text: string): void => say(`  ${style.green('✓')} ${text}`)
  const heading = (text: string): void => say('', style.bold(text))
  let lines: StepLines | undefined
  let nodes: readonly string[] = []
  let playsWidth = 0
  let domains = 0
  let startedAt: number | undefined
  const paints = [style.cyan, style.yellow, style.magenta, style.blue, style.green]
  const painted = (name: string, padTo = 0): string =>
    paints[Math.max(0, nodes.indexOf(name)) % paints.length]!(name.padEnd(padTo))
  return {
    began(scenario) {
      // The consumer first: it has the first colour, here and in the steps.
      nodes = [
        scenario.consumer,
        ...scenario.nodes.map(({ name }) => name).filter((name) => name !== scenario.consumer),
      ]
      playsWidth = Math.max(...scenario.nodes.map(({ plays }) => plays.length))
      domains = scenario.domains.length
      say(
        style.bold(`Tributary demo: workflow ${scenario.workflow}, ${scenario.title}`),
        style.dim(`  ${scenario.nodes.length} nodes, a process each; they speak REAR over mutual TLS`),
      )
      heading('Nodes')
    },
    nodeStarted({ name, plays, domain, has }, { endpoints }) {
      const width = Math.max(...nodes.map((each) => each.length))
      ok(
        [
          painted(name, width),
          plays.padEnd(playsWidth),
          style.dim(`process ${String(endpoints.pid).padEnd(7)}`),
          `REAR ${endpoints.rearAddress}`,
          style.dim(shortId(endpoints.id)),
        ].join('  '),
      )
      say(`    ${' '.repeat(width)}  ${style.dim(`${has}; domain ${domain}`)}`)
    },
    acquainted(runner) {
      ok(
        domains > 1
          ? 'each has introduced itself to those that it knows, and accepts them as members of trusted domains'
          : 'they have introduced themselves, and accept each other as members of the domain',
      )
      ok(`programs of buyers run in: ${printable(runner)}`)
    },
    applied(file, text, before) {
      heading('Intent')
      say(
        `  ${style.dim('$')} tributary apply -f ${file}`,
        `    ${text}`,
        `    ${style.dim(`for sale before: ${before.text}`)}`,
      )
      heading('Steps')
      lines = stepLines({ style, names, nodes, roles: nodes.length > 2, width: widthOf(stdout) })
      say(lines.header)
    },
    step(event) {
      startedAt ??= event.at
      say(lines!.line(event, startedAt))
    },
    stepsDone(count, ms, spared) {
      say('')
      ok(`all ${count} numbered steps took place, in order, at the right component, in ${humanMs(ms)}`)
      if (spared.length > 0) say(`    ${style.dim(`not needed this time: ${spared.join(', ')}`)}`)
    },
    running(where, during) {
      ok(where)
      ok(`for sale meanwhile: ${during.text}`)
    },
    bought(bought) {
      for (const line of bought) ok(line)
    },
    fetched(url, body, ms) {
      heading('Answer')
      say(
        `  ${style.dim('$')} curl ${url}   ${style.dim(`answered in ${humanMs(ms)}, through the virtual router`)}`,
      )
      for (const line of body.trimEnd().split('\n')) say(`    ${style.dim('│')} ${printable(line)}`)
    },
    tearingDown() {
      heading('Tear down')
      say(`  ${style.dim('$')} tributary delete intent hello --wait`)
    },
    tornDown(after, ms) {
      ok(
        `the intent, its workload and its virtual node are gone, and ${nodes.length > 2 ? 'all contracts are closed' : 'the contract is closed on both sides'}, in ${humanMs(ms)}`,
      )
      ok(`for sale again: ${after.text}`)
    },
    done(totalMs) {
      say('', `${style.green(style.bold('Done'))} in ${humanMs(totalMs)}, from nothing to nothing.`)
    },
    kept(processes, consumer, folder, url) {
      heading('The nodes go on running, and the intent has been applied again')
      const width = Math.max(...processes.map(({ name }) => name.length))
      for (const { name, directory, endpoints } of processes) {
        say(
          `  ${painted(name, width)}  process ${endpoints.pid}  ${directory}`,
          `  ${' '.repeat(width)}  ${style.dim(`socket ${endpoints.controlSocket}`)}`,
          `  ${' '.repeat(width)}  ${style.dim(`${endpoints.controlUrl} (with a token: tributary kubeconfig)`)}`,
        )
      }
      const program = relative(context.cwd, PROGRAM)
      const tributary = shellWord(program.startsWith('..') ? PROGRAM : `./${program}`)
      const commands: (readonly [string, string])[] = [
        ...(url === undefined ? [] : [[`curl ${url}`, 'the workload'] as const]),
        [`${tributary} status`, `who ${consumer.name} is, and whom it knows`],
        [`${tributary} trace hello`, 'how the workload was placed, step by step'],
        [`${tributary} describe intent hello`, 'where it runs, and why there'],
        [`${tributary} get contracts,nodes,pods`, 'what was bought, and what for'],
        [`${tributary} kubeconfig > kubeconfig`, 'for kubectl --kubeconfig kubeconfig get nodes,pods'],
        [`${tributary} delete intent hello --wait`, 'give everything back'],
      ]
      const commandWidth = Math.max(...commands.map(([text]) => text.length))
      const stops = processes.map(({ directory }) => `${tributary} stop --dir ${shellWord(directory)}`)
      say(
        '',
        style.bold('Look at them'),
        `  ${style.dim(`with --dir DIRECTORY, --server unix:SOCKET, or for ${consumer.name}:`)}`,
        `  export TRIBUTARY_DIR=${shellWord(consumer.directory)}`,
        ...commands.map(([text, meaning]) => `  ${text.padEnd(commandWidth)}   ${style.dim(`# ${meaning}`)}`),
        '',
        style.bold('End them'),
        ...[...stops.toReversed(), `rm -r ${shellWord(folder)}`].map((text) => `  ${text}`),
      )
    },
    failed(reasons, troubles) {
      say('', style.red(style.bold('Failed')))
      for (const reason of reasons) say(`  ${style.red('✗')} ${withNodeNames(printable(reason), names)}`)
      if (troubles.length > 0)
        say(
          '',
          '  What the nodes complained about:',
          ...troubles.map((each) => `    ${withNodeNames(printable(each), names)}`),
        )
    },
  }
}
