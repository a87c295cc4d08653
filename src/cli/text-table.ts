/**
 * Columns of text, as `kubectl get` prints them. Pure.
 */
import { stripVTControlCharacters } from 'node:util'

export interface TableOptions {
  /** Between columns. */
  readonly gap?: number
  /** Before each line. */
  readonly indent?: number
  /** Indexes of columns that are aligned to the right. */
  readonly right?: readonly number[]
  /** Columns are at least this wide; lets one table go on where another ended. */
  readonly widths?: readonly number[]
}

/** @returns how wide each column must be */
export function columnWidths(rows: readonly (readonly string[])[], least: readonly number[] = []): number[] {
  const widths = [...least]
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, visibleLength(cell))
    })
  }
  return widths
}

/** @returns one line per row, without blanks at the end; cells may be coloured */
export function formatTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string[] {
  const { gap = 3, indent = 0, right = [] } = options
  const widths = columnWidths(rows, options.widths)
  return rows.map((row) =>
    (
      ' '.repeat(indent) +
      row
        .map((cell, index) => {
          const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - visibleLength(cell)))
          return right.includes(index) ? blanks + cell : cell + blanks
        })
        .join(' '.repeat(gap))
    ).trimEnd(),
  )
}

/** @returns how many columns of a terminal `text` takes; escape sequences take none */
export function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}
