/** All REAR routes of the program, whatever the role, from nodes that are made but never started. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../src/kernel/log.ts'
import { realSystem } from '../src/kernel/system.ts'
import { createNode } from '../src/node/create-node.ts'
import { withoutControl } from '../src/node/parts/index.ts'
import { createIdentity, generateNodeKey } from '../src/privacy-and-security-manager/index.ts'
import type { Route } from '../src/rear/route.ts'
import { createTlsTransport } from '../src/rear/transport/index.ts'
import { createMemoryStore } from '../src/store/memory/index.ts'

/** @returns each route once, also when several roles serve it */
export function rearRouteTable(): readonly Route[] {
  const roles = ['node', 'supernode', 'catalog'] as const
  const routes = roles.flatMap((role) => routesOf(role).map((route) => [route.operationId, route] as const))
  return [...new Map(routes).values()]
}

function routesOf(role: 'node' | 'supernode' | 'catalog'): readonly Route[] {
  const system = realSystem
  const identity = createIdentity({ key: generateNodeKey(system.random), system, name: role })
  return createNode({
    config: { name: role, role },
    // Nothing is written there, for nothing is started.
    directory: join(tmpdir(), 'tributary-route-table'),
    identity,
    openedStore: createMemoryStore({ system }),
    system,
    log: silentLog,
    transport: createTlsTransport({ identity, system, log: silentLog }),
    overrides: { control: withoutControl },
  }).routes
}
