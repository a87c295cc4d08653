/** How long the objects of a kind stay, in words, for the generated pages. Pure. */
import type { KindDefinition } from '../src/objects/kind.ts'
import { DAY_MS, DEFAULT_RETENTION, HOUR_MS } from '../src/objects/retention.ts'

const SETTINGS: Readonly<Record<string, string>> = {
  contractsMs: 'contracts',
  factsMs: 'facts',
  eventsMs: 'events',
  traces: 'traces',
}

/** @throws Error when the kind states nothing */
export function howLong({ kind, retention }: KindDefinition): string {
  if (retention === undefined) throw new Error(`${kind} does not state how long its objects stay`)
  switch (retention.mode) {
    case 'kept':
      return `until it is removed: ${retention.why}`
    case 'owned':
      return `as long as the ${retention.by} that owns it${retention.coarser === undefined ? '' : `; ${retention.coarser}`}`
    case 'component':
      return `until ${retention.until} (${retention.by})`
    case 'count':
      return `the latest ${DEFAULT_RETENTION.traces.toLocaleString('en')} (\`retention.${SETTINGS[retention.setting]}\`)`
    case 'age':
    case 'archive': {
      const ms = DEFAULT_RETENTION[retention.setting]
      const text = ms % DAY_MS === 0 ? `${ms / DAY_MS}d` : `${ms / HOUR_MS}h`
      const drops = retention.mode === 'archive' ? `; meanwhile without ${retention.drops}` : ''
      const sum = retention.summedInto === undefined ? '' : `; then summed into its ${retention.summedInto}`
      const setting = SETTINGS[retention.setting]
      return `${text}${setting === undefined ? '' : ` (\`retention.${setting}\`)`} from ${retention.from}${drops}${sum}`
    }
  }
}
