// node:http between two peers: neither the server nor the client knows that there is no TCP port.
// Usage: node examples/http-over-peers.ts
import http from 'node:http'
import { createHost } from 'pointsub/host'
import { createNet } from 'pointsub/net'

// Alice serves. Any http.Server does: express, fastify, koa, ...
const alice = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'text/plain')
  response.end(`${request.method} ${request.url}, asked by peer ${request.socket.remoteAddress}\n`)
})
const listener = createNet(alice).createServer(socket => server.emit('connection', socket))
listener.listen(80, () => console.log(`alice is ${String(alice.peerId)}`))

// Bob asks: an agent says how to connect, everything else is node:http as ever.
const bob = await createHost()
const net = createNet(bob, { resolve: name => (name === 'alice' ? alice.getMultiaddrs() : undefined) })
class PeerAgent extends http.Agent {
  override createConnection(options: http.ClientRequestArgs): ReturnType<typeof net.connect> {
    return net.connect({ host: options.host ?? 'localhost', port: options.port ?? 80 })
  }
}
const agent = new PeerAgent({ keepAlive: true })

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, response => {
      response.setEncoding('utf8')
      response.once('data', text => resolve(`${response.statusCode} ${text}`))
    })
    request.once('error', reject)
  })
}

console.log(`bob is ${String(bob.peerId)}`)
for (const path of ['/', '/again?on=the+same+socket']) process.stdout.write(await get(`http://alice${path}`))
await get('http://carol/').catch((error: Error) => console.log(error.message))

agent.destroy()
listener.close()
await Promise.all([bob.stop(), alice.stop()])
