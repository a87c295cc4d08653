import { describeFabric } from '../../conformance/fabric.ts'
import { createEmbeddedWorld } from '../fabric-world.ts'
import { SlowFabric } from './index.ts'

const PACE_MS = 60

describeFabric('slow, two round trips', () =>
  createEmbeddedWorld({
    simulated: true,
    wrap: (inner, options) => new SlowFabric({ ...options, inner, paceMs: PACE_MS }),
  }),
)
