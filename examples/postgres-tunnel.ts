// A local TCP port that reaches the PostgreSQL, or any other TCP service, beside a remote peer.
// There:   node examples/postgres-tunnel.ts serve [PORT [HOST]]        shares HOST:PORT (localhost:5432), prints an address
// Here:    node examples/postgres-tunnel.ts open ADDRESS [LOCAL_PORT]  listens on LOCAL_PORT (any), prints it
// Then:    psql -h 127.0.0.1 -p LOCAL_PORT
// IDENTITY=FILE keeps the peer id of `serve`; LISTEN is its multiaddr. Who knows the address can connect: the service's
// own passwords protect it, and the peers' connection is encrypted.
import tcp from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { createHost } from 'pointsub/host'
import { createNet } from 'pointsub/net'

const PROTOCOL = '/tunnel/1.0.0'
const USAGE = 'usage: node examples/postgres-tunnel.ts serve [PORT [HOST]] | open ADDRESS [LOCAL_PORT]'
const { IDENTITY: identity, LISTEN: listen = '/ip4/127.0.0.1/tcp/0' } = process.env

/** Both ways, each with its own end and its own backpressure; what fails on one side ends the other. */
function join(one: Duplex, other: Duplex): void {
  pipeline(one, other, onEnd)
  pipeline(other, one, onEnd)
}

function onEnd(error?: NodeJS.ErrnoException | null): void {
  // PostgreSQL itself ends that way when a client leaves.
  if (error && error.code !== 'ECONNRESET') console.error(error.message)
}

async function serve(port = '5432', host = 'localhost'): Promise<void> {
  const peer = await createHost({ listen: [listen], identity })
  const server = createNet(peer).createServer({ allowHalfOpen: true }, socket => {
    join(socket, tcp.connect({ port: Number(port), host, allowHalfOpen: true, noDelay: true }))
  })
  server.listen(PROTOCOL, () => console.log(String(peer.getMultiaddrs()[0])))
}

async function open(address: string, port = '0'): Promise<void> {
  const net = createNet(await createHost())
  const server = tcp.createServer({ allowHalfOpen: true, noDelay: true }, local => {
    join(local, net.connect({ peer: address, protocol: PROTOCOL, allowHalfOpen: true }))
  })
  server.listen(Number(port), '127.0.0.1', () => {
    const at = server.address()
    console.log(typeof at === 'object' ? at?.port : at)
  })
}

const [command, ...args] = process.argv.slice(2)
if (command === 'serve') await serve(...args)
else if (command === 'open' && args[0] !== undefined) await open(args[0], args[1])
else {
  console.error(USAGE)
  process.exitCode = 2
}
