// What two of our peers tell each other besides requests and answers: errors, metadata, and that nobody waits any more.
// Usage: node examples/errors-and-metadata.ts
import { setTimeout } from 'node:timers/promises'
import { Client, PointSubError, Server } from 'pointsub'
import { createHost } from 'pointsub/host'

const PROTOCOL = '/shop/1.0.0'
const STOCK = new Map([
  ['bread', 3],
  ['milk', 0]
])

// Alice has a shop.
const alice = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
const server = new Server(alice)
server.addEventListener('failure', ({ detail }) => console.log(`alice's log: ${detail.error.message}`))
await server.start(PROTOCOL, async (request, { metadata, responseMetadata, signal }) => {
  const item = new TextDecoder().decode(request)
  if (item === 'cake') {
    // Takes a minute, unless nobody waits for it any more.
    await setTimeout(60_000, undefined, { signal }).catch(error => {
      console.log('alice stops baking')
      throw error
    })
  }
  const left = STOCK.get(item)
  if (left === undefined) throw new Error(`the shelf of ${item} fell down`)
  if (left === 0) {
    // Tomorrow there is some: the client may ask again, but not earlier.
    const details = { item, supplier: 'the farm' }
    throw new PointSubError('ERR_SOLD_OUT', `there is no ${item}`, { retryable: true, retryAfter: 86_400_000, details })
  }
  STOCK.set(item, left - 1)
  responseMetadata.left = String(left - 1)
  return new TextEncoder().encode(`${item} for ${metadata.customer ?? 'a stranger'}`)
})

// Bob buys.
const bob = await createHost()
const client = new Client(bob)
const buy = async (item: string, signal?: AbortSignal): Promise<string> => {
  const answer = await client.send(alice.getMultiaddrs(), PROTOCOL, new TextEncoder().encode(item), {
    metadata: { customer: 'bob' },
    onMetadata: ({ left }) => console.log(`${left} left`),
    signal
  })
  return new TextDecoder().decode(answer)
}

console.log(await buy('bread'))
for (const item of ['milk', 'tea']) {
  await buy(item).catch((error: unknown) => {
    if (!(error instanceof PointSubError)) throw error
    const { code, message, remote, retryAfter, details } = error
    console.log(code, message, { remote, retryAfter, ...details })
  })
}

const controller = new AbortController()
const cake = buy('cake', controller.signal).catch((error: PointSubError) =>
  console.log(error.code, 'sent:', error.sent)
)
while (server.getMetrics().activeRequests === 0) await setTimeout(10)
controller.abort()
await cake

await Promise.all([client.close(), server.stop()])
await Promise.all([alice.stop(), bob.stop()])
