import { createEmbeddedWorld } from '../../../test/support/fabric-world.ts'
import { describeFabric } from '../../../test/conformance/fabric.ts'

describeFabric('embedded, real processes', () => createEmbeddedWorld({ simulated: false }))
describeFabric('embedded, simulated programs', () => createEmbeddedWorld({ simulated: true }))
