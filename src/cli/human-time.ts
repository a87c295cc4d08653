/**
 * Durations for people. Pure.
 */

/** @param ms milliseconds @returns for example `0.42 ms`, `87 ms`, `3.21 s`, `2 min 5 s` */
export function humanMs(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** @param seconds @returns for example `12s`, `3m5s`, `2h10m`, `5d3h` */
export function humanSeconds(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const
  const first = units.findIndex(([, size]) => whole >= size)
  if (first < 0) return '0s'
  return units
    .slice(first, first + 2)
    .map(([unit, size], index) => {
      const count = index === 0 ? Math.floor(whole / size) : Math.floor((whole % units[first]![1]) / size)
      return index > 0 && count === 0 ? '' : `${count}${unit}`
    })
    .join('')
}

/**
 * @param text for example `24h`, `30m`, `90s`, `7d`
 * @returns milliseconds; undefined when it is not a duration
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's']
  return Number(match[1]) * unit
}
