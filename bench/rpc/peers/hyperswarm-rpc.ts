import RPC from '@hyperswarm/rpc'
import DHT from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Call, Row } from '../row.ts'

const HOST = '127.0.0.1'
const METHOD = 'echo'

/** Where the server is found: its key, and the port of a DHT of its own, for nothing here leaves loopback. */
interface Endpoint {
  readonly key: string
  readonly port: number
}

/** @hyperswarm/rpc: all calls on one encrypted UDX (UDP) stream. */
export const hyperswarmRpc: Row = {
  async serve() {
    const { bootstrap } = await createTestnet(2, { host: HOST })
    const [first] = bootstrap
    if (first === undefined) throw new Error('the DHT has no node')
    // One that does not know whether it is behind a firewall tries to get through it first, and at times gives up.
    const server = new RPC({
      dht: new DHT({ bootstrap, host: HOST, ephemeral: false, firewalled: false })
    }).createServer()
    await server.listen()
    server.respond(METHOD, request => request)
    return JSON.stringify({ key: server.publicKey.toString('hex'), port: first.port } satisfies Endpoint)
  },

  async connect(endpoint) {
    const { key, port }: Endpoint = JSON.parse(endpoint)
    const dht = new DHT({ bootstrap: [{ host: HOST, port }], host: HOST })
    const client = new RPC({ dht }).connect(Buffer.from(key, 'hex'))
    const call: Call = body => client.request(METHOD, body)
    await call(new Uint8Array(1))
    return call
  }
}
