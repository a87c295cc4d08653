/** All REAR routes of the program, from a node that is made but never started. */
import { realSystem } from '../src/kernel/system.ts'
import { silentLog } from '../src/kernel/log.ts'
import { createNode } from '../src/node.ts'
import { createIdentity, generateNodeKey } from '../src/privacy-and-security-manager/index.ts'
import type { Route } from '../src/rear/route.ts'
import { createTlsTransport } from '../src/rear/transport/index.ts'
import { createMemoryStore } from '../src/store/memory/index.ts'

export function rearRouteTable(): readonly Route[] {
  const system = realSystem
  const identity = createIdentity({ key: generateNodeKey(system.random), system, name: 'docs' })
  return createNode({
    config: { name: 'docs', role: 'supernode' },
    directory: '.',
    identity,
    store: createMemoryStore({ system }),
    system,
    log: silentLog,
    transport: createTlsTransport({ identity, system, log: silentLog }),
  }).routes
}
