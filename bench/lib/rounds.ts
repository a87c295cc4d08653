/** Rounds of things that are compared, interleaved: what the machine does meanwhile hits all of them. */

/**
 * Measures each contender once per round, in an order that turns around with every round.
 *
 * @param contenders what to measure, by name
 * @param warmUps rounds that are thrown away
 * @returns what each measured, by name, in the order of the rounds
 */
export async function interleave<Name extends string, T>(
  contenders: Readonly<Record<Name, () => Promise<T>>>,
  rounds: number,
  warmUps = 1,
): Promise<Readonly<Record<Name, readonly T[]>>> {
  const names = Object.keys(contenders) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>
  for (let round = -warmUps; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) {
      const result = await contenders[name]()
      if (round >= 0) results[name].push(result)
    }
  }
  return results
}
