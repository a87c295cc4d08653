/**
 * Trace events as lines of a table, one step each; the same for `trace` and `demo`. Pure.
 */
import type { TraceEvent } from '../objects/trace.ts'
import { NO_STEP } from '../trace/index.ts'
import { componentTitle } from './component-names.ts'
import { withNodeNames } from './peer-names.ts'
import { printable, shorten, shortId } from './printable.ts'
import type { Paint, Style } from './style.ts'
import { visibleLength } from './text-table.ts'

export interface StepLinesOptions {
  readonly style: Style
  /** Names for node ids. */
  readonly names?: ReadonlyMap<string, string>
  /** Names of all nodes that may occur, for the width of their column and for their colours. */
  readonly nodes: readonly string[]
  /** Whether to say what each node is in the workflow, where there is room for it. */
  readonly roles?: boolean
  /** Of the terminal, in columns: what is too long goes on in the next line, details are cut. */
  readonly width?: number | undefined
}

export interface StepLines {
  readonly header: string
  /**
   * @param startedAt milliseconds since 1970, where the time column is 0
   * @returns one line, or several for a narrow terminal
   */
  line(event: TraceEvent, startedAt: number): string
  /** A step that did not take place. */
  missing(step: number, component: string, message: string): string
}

interface Cells {
  readonly step?: string
  readonly time?: string
  readonly node?: string
  readonly role?: string
  readonly component?: string
  readonly took?: string
}

const STEP_WIDTH = 4
const COMPONENT_WIDTH = 'Virtual Fabric Manager'.length
const TIME_WIDTH = 9
/** Of a detail that is shorter than this nothing useful would be left. */
const LEAST_DETAIL = 16
/** From this width on there is room for how long each step took. */
const ROOMY = 120
/** From this width on there is room for the roles of nodes, too. */
const VERY_ROOMY = 140
const ROLE_WIDTH = 'provider-supernode'.length

export function stepLines({ style, names, nodes, roles = false, width }: StepLinesOptions): StepLines {
  const nodeWidth = Math.max(4, ...nodes.map((node) => node.length))
  const paints: readonly Paint[] = [style.cyan, style.yellow, style.magenta, style.blue, style.green]
  const paintOf = (node: string): Paint => paints[Math.max(0, nodes.indexOf(node)) % paints.length]!
  const withTook = width === undefined || width >= ROOMY
  const withRoles = roles && (width === undefined || width >= VERY_ROOMY)
  const columns = ({
    step = '',
    time = '',
    node = '',
    role = '',
    component = '',
    took = '',
  }: Cells): string =>
    [
      pad(step, STEP_WIDTH, true),
      pad(time, TIME_WIDTH, true),
      pad(node, nodeWidth),
      ...(withRoles ? [pad(role, ROLE_WIDTH)] : []),
      pad(component, COMPONENT_WIDTH),
      ...(withTook ? [pad(took, TIME_WIDTH, true)] : []),
      '',
    ].join('  ')
  const indent = visibleLength(columns({}))
  const room = width === undefined ? Infinity : Math.max(20, width - indent)
  return {
    header: style.bold(
      `${columns({ step: 'STEP', time: 'TIME', node: 'NODE', role: 'ROLE', component: 'COMPONENT', took: 'TOOK' })}WHAT HAPPENED`,
    ),
    line(event, startedAt) {
      const peer =
        event.peer === undefined ? '' : ` ↔\u00a0${printable(names?.get(event.peer) ?? shortId(event.peer))}`
      const mark = event.outcome === 'ok' ? '' : event.outcome === 'failed' ? 'FAILED: ' : 'skipped: '
      const message = withNodeNames(printable(event.message), names)
      const wrapped = wrap(`${mark}${message}${peer}`, room)
      const left = room - wrapped.at(-1)!.length - 2
      const detail =
        event.detail && left >= LEAST_DETAIL
          ? `  ${style.dim(shorten(withNodeNames(printable(event.detail), names), left))}`
          : ''
      const emphasis =
        event.outcome === 'ok'
          ? (text: string) => text
          : event.outcome === 'failed'
            ? style.red
            : style.yellow
      const paint = paintOf(event.node)
      const head = columns({
        step: event.step === NO_STEP ? '·' : String(event.step),
        time: style.dim(timeText(event.at - startedAt)),
        node: paint(printable(event.node)),
        role: style.dim(printable(event.role)),
        component: paint(componentTitle(printable(event.component))),
        took: event.ms === 0 ? '' : style.dim(msText(event.ms)),
      })
      return head + wrapped.map(emphasis).join(`\n${' '.repeat(indent)}`) + detail
    },
    missing: (step, component, message) =>
      columns({ step: String(step), component: style.red(componentTitle(component)) }) +
      style.red(`MISSING: ${message}`),
  }
}

/** Milliseconds while they say something, then coarser. */
function timeText(ms: number): string {
  if (Math.abs(ms) < 10_000) return `${ms.toFixed(1)} ms`
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

function msText(ms: number): string {
  return ms < 10_000 ? `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.length === 0 ? [''] : lines
}

function pad(text: string, width: number, right = false): string {
  const blanks = ' '.repeat(Math.max(0, width - visibleLength(text)))
  return right ? blanks + text : text + blanks
}
