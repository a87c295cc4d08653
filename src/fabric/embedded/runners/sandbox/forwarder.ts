/**
 * The program that leads from a socket in the file system to a port in a pod's own network. It runs in that network,
 * as the guest's user, and sees nothing but the directory of the sockets, which no container of the pod sees.
 *
 * Beside each `<port>.sock` is `<port>.up`, which says `up` when the port accepts connections: that the socket does
 * says nothing of the port.
 */
export const FORWARDER = `
const net = require('node:net')
const [directory, ...ports] = process.argv.slice(1)
const dial = (port) => net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
const ignore = () => {}
Promise.all(ports.flatMap((port) => [
  ['sock', (from) => {
    const to = dial(Number(port))
    to.on('connect', () => { from.pipe(to); to.pipe(from) })
    for (const [one, other] of [[from, to], [to, from]]) {
      one.on('error', () => other.destroy())
      one.on('close', () => { if (!one.writableFinished || !one.readableEnded) other.destroy() })
    }
  }],
  ['up', (from) => {
    const to = dial(Number(port))
    from.on('error', ignore)
    to.on('error', () => from.destroy())
    to.on('connect', () => { to.destroy(); from.end('up') })
  }],
].map(([kind, serve]) => new Promise((resolve) => {
  net.createServer({ allowHalfOpen: true, pauseOnConnect: kind === 'sock' }, (socket) => { serve(socket) })
    .listen(directory + '/' + port + '.' + kind, resolve)
})))).then(() => process.stdout.write('ready\\n'))
`
