/** Something happens again and again, and each time a node is killed one write later. */
import type { Market, MarketNode } from './market.ts'

/** Until the node makes no more writes than it outlives. */
export async function killAfterEachWrite(scene: {
  /** @returns a new market, just before it happens, and who is killed in it */
  begin(writes: number): Promise<{ readonly market: Market<string>; readonly victim: MarketNode }>
  readonly happens: () => Promise<unknown>
  /** How long the node has for its writes, in simulated milliseconds. */
  readonly withinMs: number
  /** It is killed after the first write, and then after every so many; after each unless given. */
  readonly step?: number
  readonly restart: (victim: MarketNode) => Promise<void>
  /** What must hold then. */
  readonly expected: (writes: number) => Promise<void>
}): Promise<void> {
  for (let writes = 1; ; writes += scene.step ?? 1) {
    const { market, victim } = await scene.begin(writes)
    const made = victim.writes
    victim.killAfterWrites(writes)
    await scene.happens()
    await market.simulation.advance(scene.withinMs)
    const died = victim.writes - made >= writes
    await scene.restart(victim)
    await scene.expected(writes)
    if (!died) return
    await market.stop()
  }
}
