/** Numbers where texts are stored: users write amounts of money without quotes. Pure. */

type Members = Readonly<Record<string, unknown>>

/** @returns `object` with the numbers under `paths`, each a list of members, as decimal text; anything else as it is */
export function withTextNumbers<T extends Members>(object: T, ...paths: readonly (readonly string[])[]): T {
  return paths.reduce<Members>((changed, path) => textAt(changed, path), object) as T
}

function textAt(object: Members, [name, ...rest]: readonly string[]): Members {
  const value = name === undefined ? undefined : object[name]
  if (name === undefined || value === undefined) return object
  if (rest.length === 0) return typeof value === 'number' ? { ...object, [name]: decimalText(value) } : object
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return object
  const changed = textAt(value as Members, rest)
  return changed === value ? object : { ...object, [name]: changed }
}

/** As many decimals as money has; what has more is left for the schema to refuse. */
function decimalText(value: number): unknown {
  const text = String(value)
  if (!text.includes('e')) return text
  const fixed = value.toFixed(9)
  return Number(fixed) === value ? fixed.replace(/\.?0+$/, '') : value
}
