/** A guest tries to reach what listens on the machine that it runs on, and other guests there. */
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, vi } from 'vitest'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackByScript, attackInEach, guestsForAttacks, LOOT, type Place } from './support/guests.ts'

const guests = await guestsForAttacks()
/** Abstract sockets belong to a network, not to a file system. */
const abstract = `tributary-attack-${process.pid}`
const servers: Server[] = []
let onLoopback = 0
let onAll = 0

const greets = async (where: { readonly host: string } | { readonly path: string }): Promise<number> => {
  const server = createServer((socket) => socket.on('error', () => {}).end(LOOT))
  servers.push(server)
  await new Promise<void>((resolve) =>
    server.listen('host' in where ? { port: 0, ...where } : where, resolve),
  )
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
beforeAll(async () => {
  onLoopback = await greets({ host: '127.0.0.1' })
  onAll = await greets({ host: '::' })
  await greets({ path: `\0${abstract}` })
})
afterAll(() => {
  for (const server of servers) server.close()
})

/** @param targets what `connect` of Node takes, as JavaScript */
const knocks = (targets: readonly string[]): string =>
  `node -e '${targets
    .map(
      (to) =>
        `require("net").connect(${to}).setTimeout(1500, function () { console.log("ETIMEDOUT"); this.destroy() })` +
        `.on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))`,
    )
    .join(';')}'`

attackByScript(
  guests,
  "a guest connects to what listens on the host's loopback, as the control API does",
  () => knocks([`{ host: "127.0.0.1", port: ${onLoopback} }`, `{ host: "::1", port: ${onAll} }`]),
  /^(ECONNREFUSED|EADDRNOTAVAIL|ENETUNREACH)\s/,
)
attackByScript(
  guests,
  "a guest connects to what listens on the host's own addresses, as REAR does",
  () => {
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
    return knocks(
      addresses
        .filter(({ internal, family }) => !internal && family === 'IPv4')
        .map(({ address }) => `{ host: "${address}", port: ${onAll} }`),
    )
  },
  /^ENETUNREACH/,
)
attackByScript(
  guests,
  'a guest connects to an abstract Unix socket of the host',
  () => knocks([`{ path: "\\0${abstract}" }`]),
  /^ECONNREFUSED$/,
)
attackByScript(
  guests,
  'a guest sees which sockets are open on the host',
  () => `m=tributary-attack; grep -q "@$m-${process.pid}" /proc/net/unix && echo ${LOOT} || echo nothing`,
  /^nothing$/,
)

const PORT = 18_090
async function knockAtNeighbour(place: Place): Promise<Tried> {
  const server = `require("net").createServer((s) => s.on("error", () => {}).end("${LOOT}")).listen(${PORT}, "0.0.0.0")`
  const victim = await guests.start(place, `exec node -e '${server}'`, { pod: { ports: [PORT] } })
  try {
    await vi.waitFor(async () => {
      const answer = await victim.pod.probe({ kind: 'tcp', port: PORT }, AbortSignal.timeout(2_000))
      if (answer !== undefined) throw new Error(answer)
    })
    const where = [victim.pod.address, '127.0.0.1'].map((host) => `{ host: "${host}", port: ${PORT} }`)
    const saw = await guests.run(place, knocks(where))
    return saw.includes(LOOT) ? succeeded(saw) : failed(saw)
  } finally {
    await victim.pod.remove()
  }
}
attackInEach(guests, 'a guest connects to a port of another guest', {
  defended: knockAtNeighbour,
  control: () => knockAtNeighbour('process'),
  stoppedBy: /^ECONNREFUSED/,
})
