/** Tables for people. Pure. */
import type { Table } from './benchmark.ts'

/** @returns the table as lines of text, numbers to the right */
export function tableText({ title, rows }: Table): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => columns.map((column) => text(row[column])))
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((line) => line[index]!.length)),
  )
  const line = (values: readonly string[], of: (value: string, index: number) => string): string =>
    `  ${values.map(of).join('  ')}`.trimEnd()
  const numeric = columns.map((column) => rows.every((row) => typeof row[column] !== 'string'))
  const aligned = (value: string, index: number): string =>
    numeric[index] ? value.padStart(widths[index]!) : value.padEnd(widths[index]!)
  return [
    title,
    line(columns, aligned),
    line(
      widths.map((width) => '-'.repeat(width)),
      (value) => value,
    ),
    ...cells.map((values) => line(values, aligned)),
  ].join('\n')
}

function text(value: string | number | undefined): string {
  return typeof value === 'number'
    ? value.toLocaleString('en-US', { maximumFractionDigits: 3 })
    : (value ?? '')
}
