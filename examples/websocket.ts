// A WebSocket between two peers, with the library ws at both ends.
// Usage: node examples/websocket.ts
import { once } from 'node:events'
import http from 'node:http'
import { createHost } from 'pointsub/host'
import { createNet } from 'pointsub/net'
import { WebSocket, WebSocketServer } from 'ws'

// Alice: a chat that tells everybody what anybody says.
const alice = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
const server = http.createServer()
const chat = new WebSocketServer({ server })
chat.on('connection', (socket, request) => {
  const name = new URL(request.url ?? '/', 'ws://alice').searchParams.get('name')
  socket.on('message', (text: Buffer) => {
    for (const each of chat.clients) each.send(`${name}: ${text.toString()}`)
  })
})
const listener = createNet(alice).createServer(socket => server.emit('connection', socket))
listener.listen('/chat/1.0.0')

// Bob and Carol, each a peer of its own.
async function join(name: string): Promise<WebSocket> {
  const host = await createHost()
  const net = createNet(host, { resolve: () => alice.getMultiaddrs() })
  const socket = new WebSocket(`ws://alice/?name=${name}`, {
    createConnection: () => net.connect({ protocol: '/chat/1.0.0' })
  })
  socket.on('message', (text: Buffer) => console.log(`${name} reads "${text.toString()}"`))
  socket.once('close', () => void host.stop())
  await once(socket, 'open')
  return socket
}

const [bob, carol] = await Promise.all([join('bob'), join('carol')])
for (const [socket, text] of [
  [bob, 'hello, carol'],
  [carol, 'hello, bob']
] as const) {
  const heard = Promise.all([once(bob, 'message'), once(carol, 'message')])
  socket.send(text)
  await heard
}

const closed = Promise.all([once(bob, 'close'), once(carol, 'close')])
for (const socket of [bob, carol]) socket.close(1000)
await closed
listener.close()
await alice.stop()
