/**
 * Why each offer was taken or not, as a table: for `plan` and for `describe solver` and `describe intent`.
 */
import type { Considered } from '../objects/solver.ts'
import { printable, shortId } from './printable.ts'
import type { Style } from './style.ts'
import { formatTable } from './text-table.ts'

/** @returns lines; best offer first, as it came */
export function consideredLines(
  considered: readonly Considered[],
  style: Style,
  indent: number,
): readonly string[] {
  const blanks = ' '.repeat(indent)
  if (considered.length === 0) return [`${blanks}no offers were found`]
  const rows = considered.map((each) => [
    verdictText(each, style),
    printable(each.reason),
    each.score === undefined ? '-' : each.score.toFixed(4),
    printable(shortId(each.providerID)),
    printable(each.domain ?? '-'),
    printable(each.flavorID),
    printable(numbersText(each)) || '-',
  ])
  const lines = formatTable(
    [['VERDICT', 'REASON', 'SCORE', 'PROVIDER', 'DOMAIN', 'OFFER', 'NUMBERS'], ...rows],
    {
      indent,
    },
  )
  const more = considered.flatMap(({ flavorID, detail, scores, verdict }): readonly string[] => {
    const breakdown = scoresText(scores)
    return [
      ...(detail && verdict === 'rejected'
        ? [`${blanks}${style.dim(`${printable(flavorID)}: ${printable(detail)}`)}`]
        : []),
      ...(breakdown ? [`${blanks}${style.dim(`${printable(flavorID)}: score of ${breakdown}`)}`] : []),
    ]
  })
  return more.length === 0 ? lines : [...lines, '', ...more]
}

function verdictText({ verdict }: Considered, style: Style): string {
  switch (verdict) {
    case 'taken':
      return style.green('taken')
    case 'fits':
      return style.yellow('fits')
    case 'rejected':
      return style.red('rejected')
  }
}

function numbersText({ numbers = {} }: Considered): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function scoresText(scores: Considered['scores']): string {
  return Object.entries(scores ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
