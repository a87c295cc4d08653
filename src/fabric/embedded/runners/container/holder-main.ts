/**
 * What runs in a pod's first container, from which the others have their network: waits, and forwards what comes in by
 * Unix sockets to the ports of the pod. Such a pod needs no way in over any network.
 *
 * Started by Node in a container in which there is nothing but this file and Node: it must import nothing else.
 * Arguments: the directory of the sockets, then the ports.
 */
import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

const [directory, ...ports] = process.argv.slice(2)

/** Programs listen on all addresses, on the pod's own, or on the loopback's. */
function addresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const own = all
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
  return [...own, '127.0.0.1', '::1']
}

/** Connects to the first address at which the port accepts connections; to none, where it accepts none. */
function dial(
  port: number,
  [host, ...others]: readonly string[],
  then: (to: Socket | undefined) => void,
): void {
  if (host === undefined) {
    then(undefined)
    return
  }
  const to = connect({ host, port, allowHalfOpen: true })
  const onRefused = (): void => dial(port, others, then)
  to.once('error', onRefused)
  to.once('connect', () => {
    to.off('error', onRefused)
    then(to)
  })
}

function forward(from: Socket, port: number): void {
  from.on('error', () => from.destroy())
  dial(port, addresses(), (to) => {
    if (to === undefined) {
      from.destroy()
      return
    }
    to.on('error', () => from.destroy())
    from.on('close', () => to.destroy())
    to.on('close', () => from.destroy())
    from.pipe(to)
    to.pipe(from)
  })
}

/** Says whether the port accepts connections: that the socket does says nothing of the port. */
function tell(from: Socket, port: number): void {
  from.on('error', () => from.destroy())
  dial(port, addresses(), (to) => {
    to?.on('error', () => {}).destroy()
    if (to === undefined) from.destroy()
    else from.end('up')
  })
}

for (const port of ports) {
  createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    forward(socket, Number(port))
  }).listen(`${directory}/${port}.sock`)
  createServer((socket) => {
    tell(socket, Number(port))
  }).listen(`${directory}/${port}.up`)
}
// By default a first process ignores what would end others.
process.once('SIGTERM', () => process.kill(process.pid, 'SIGKILL'))
// A pod that declares no ports is held, too.
createServer().listen(`${directory}/holds.sock`)
// Whoever started it reads this.
process.stdout.write('ready\n')
