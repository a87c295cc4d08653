/**
 * Colours, for terminals only. Nothing is said by colour alone.
 */
import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { type Context, isTerminal } from './context.ts'

export type Paint = (text: string) => string

export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly blue: Paint
  readonly magenta: Paint
  readonly cyan: Paint
}

const NAMES = ['bold', 'dim', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan'] as const

/** @returns paints that change nothing unless `stream` is a terminal and nobody asked for no colours */
export function styleFor({ env }: Pick<Context, 'env'>, stream: Writable): Style {
  const coloured = isTerminal(stream) && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  const paint = (name: (typeof NAMES)[number]): Paint =>
    coloured
      ? (text) => (text === '' ? text : styleText(name, text, { validateStream: false }))
      : (text) => text
  return Object.fromEntries(NAMES.map((name) => [name, paint(name)])) as unknown as Style
}
