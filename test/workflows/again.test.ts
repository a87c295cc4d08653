/** The same intent once more: what was learnt the first time is old by then, and must not be in the way. */
import { afterEach, describe, expect, it } from 'vitest'
import { fourNodes, type FourNodes } from '../support/four-nodes.ts'
import type { Market } from '../support/market.ts'
import { intent, run, takeBack } from '../support/scenario.ts'

describe('an intent that is handed in again', () => {
  let market: Market<FourNodes>
  afterEach(() => market.stop())

  it('runs again through both supernodes, although they remember an older version of the offer', async () => {
    market = await fourNodes(11)
    const { consumer } = market.nodes
    for (let time = 0; time < 3; time++) {
      await run(market, consumer, intent('far', '1'))
      const began = market.simulation.now()
      await takeBack(market, consumer, 'far')
      // At once: nobody has to wait until what is remembered runs out.
      expect(market.simulation.now() - began).toBeLessThan(5_000)
    }
    await market.expectBalanced()
  })
})
