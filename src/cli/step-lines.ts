/**
 * Trace events as lines of a table, one step each; the same for `trace` and `demo`. Pure.
 */
import type { TraceEvent } from '../objects/trace.ts'
import { componentTitle } from './component-names.ts'
import { humanMs } from './human-time.ts'
import { printable, shorten, shortId } from './printable.ts'
import type { Paint, Style } from './style.ts'
import { visibleLength } from './text-table.ts'

export interface StepLinesOptions {
  readonly style: Style
  /** Names for node ids. */
  readonly names?: ReadonlyMap<string, string>
  /** Names of all nodes that may occur, for the width of their column. */
  readonly nodes: readonly string[]
  /** Of the terminal, in columns; details are cut to fit. */
  readonly width?: number | undefined
  /** Whether to show what the step found out. */
  readonly details?: boolean
}

export interface StepLines {
  readonly header: string
  /** @param startedAt milliseconds since 1970, where the time column is 0 */
  line(event: TraceEvent, startedAt: number): string
  /** A step that did not take place. */
  missing(step: number, component: string, message: string): string
}

const COMPONENT_WIDTH = 'Virtual Fabric Manager'.length
const TIME_WIDTH = 9

export function stepLines({ style, names, nodes, width, details = true }: StepLinesOptions): StepLines {
  const nodeWidth = Math.max(4, ...nodes.map((node) => node.length))
  const peerOf = (peer: string): string => printable(names?.get(peer) ?? shortId(peer))
  const paints: readonly Paint[] = [style.cyan, style.yellow, style.magenta, style.blue]
  const paintOf = (node: string): Paint => paints[Math.max(0, nodes.indexOf(node)) % paints.length]!
  const columns = (
    step: string,
    time: string,
    node: string,
    component: string,
    message: string,
    took: string,
  ) =>
    [
      step.padStart(4),
      time.padStart(TIME_WIDTH),
      pad(node, nodeWidth),
      pad(component, COMPONENT_WIDTH),
      pad(took, TIME_WIDTH, true),
      message,
    ].join('  ')
  const fits = (text: string, taken: number): string =>
    width === undefined ? text : shorten(text, Math.max(0, width - taken))
  const indent = 4 + 2 + TIME_WIDTH + 2 + nodeWidth + 2 + COMPONENT_WIDTH + 2 + TIME_WIDTH + 2
  return {
    header: style.bold(columns('STEP', 'TIME', 'NODE', 'COMPONENT', 'WHAT HAPPENED', 'TOOK')),
    line(event, startedAt) {
      const peer = event.peer === undefined ? '' : ` ↔ ${peerOf(event.peer)}`
      const said = `${printable(event.message)}${peer}`
      const message = fits(said, indent)
      const room = width === undefined ? Infinity : width - indent - message.length - 2
      const detail =
        details && event.detail && room > 12 ? `  ${style.dim(shorten(printable(event.detail), room))}` : ''
      const mark =
        event.outcome === 'failed'
          ? style.red('FAILED ')
          : event.outcome === 'skipped'
            ? style.yellow('skipped ')
            : ''
      const paint = paintOf(event.node)
      return columns(
        String(event.step),
        `+${humanMs(Math.max(0, event.at - startedAt))}`,
        paint(printable(event.node)),
        paint(componentTitle(printable(event.component))),
        `${mark}${message}${detail}`,
        event.ms === 0 ? '' : style.dim(humanMs(event.ms)),
      )
    },
    missing: (step, component, message) =>
      columns(
        String(step),
        '',
        style.red('-'),
        componentTitle(component),
        style.red(`MISSING: ${message}`),
        '',
      ),
  }
}

function pad(text: string, width: number, right = false): string {
  const blanks = ' '.repeat(Math.max(0, width - visibleLength(text)))
  return right ? blanks + text : text + blanks
}
