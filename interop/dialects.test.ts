import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { describe, expect, test } from 'vitest'
import { createHost } from '../src/host/index.ts'
import { Client, Server } from '../src/index.ts'
import { bytes, randomBody, same, text } from './bytes.ts'
import { diallingHost, listeningHost } from './hosts.ts'
import type { Security } from './lines.ts'
import { overEveryLink, send, serve, wholePeers } from './links.ts'
import { WirePeer } from './peer.ts'

const ECHO = '/echo/1.0.0'
const LISTEN = '/ip4/127.0.0.1/tcp/0'
/** A peer id that none of these peers has. */
const STRANGER = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const REFUSED = { code: 'ERR_DIAL_FAILED', sent: false }
const ENCRYPTERS = { noise, tls }

/** A js-libp2p node without anything of ours. */
async function stockNode(...security: Security[]): Promise<Libp2p & AsyncDisposable> {
  const node = await createLibp2p({
    addresses: { listen: [LISTEN] },
    transports: [tcp()],
    connectionEncrypters: security.map(name => ENCRYPTERS[name]()),
    streamMuxers: [yamux()],
    services: { identify: identify() }
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

function addressOf(node: Libp2p): string {
  return node.getMultiaddrs()[0]?.toString() ?? ''
}

function asStranger(address: string): string {
  return address.replace(/\/p2p\/.*$/, `/p2p/${STRANGER}`)
}

/** How many of 20 calls came back. */
async function call(node: Libp2p, address: string): Promise<number> {
  await using client = new Client(node, { maxRetries: 0 })
  const requests = Array.from({ length: 20 }, (_, i) => randomBody(i))
  const answers = await Promise.all(requests.map(request => client.send(address, ECHO, request)))
  return answers.filter((answer, i) => same(answer, requests[i] ?? bytes('none'))).length
}

test('one host on one port answers peers of go-libp2p, go-dep2p and js-libp2p that dial it at once', async () => {
  await using host = await createHost({ listen: [LISTEN] })
  await using server = new Server(host)
  await server.start(ECHO, request => request)
  const addr = addressOf(host)
  await using stack = new AsyncDisposableStack()
  const go = wholePeers().map(({ path }) =>
    stack.use(new WirePeer(path, 'send', { addr, protocol: ECHO, count: 20, size: 100, hold: true }))
  )
  const stock = await Promise.all([stockNode('noise'), stockNode('tls'), stockNode('noise', 'tls')])
  for (const node of stock) stack.use(node)

  expect(await Promise.all(stock.map(node => call(node, addr)))).toEqual([20, 20, 20])
  for (const peer of go) expect(await peer.first('done')).toMatchObject({ ok: 20, failed: 0 })
  expect(host.getConnections()).toHaveLength(go.length + stock.length)
  expect(new Set(wholePeers().map(({ info }) => info.dialect ?? 'libp2p'))).toEqual(new Set(['libp2p', 'dep2p']))
})

test('one host calls peers of go-libp2p, go-dep2p and js-libp2p at once', async () => {
  await using host = await createHost()
  await using stack = new AsyncDisposableStack()
  const go = wholePeers().map(({ path }) => stack.use(new WirePeer(path, 'serve')))
  const stock = await Promise.all([stockNode('noise'), stockNode('tls'), stockNode('noise', 'tls')])
  for (const node of stock) {
    stack.use(node)
    await stack.use(new Server(node)).start(ECHO, request => request)
  }
  await Promise.all(go.map(peer => peer.first('ready')))
  const addresses = [...go.map(({ address }) => address), ...stock.map(addressOf)]
  expect(await Promise.all(addresses.map(address => call(host, address)))).toEqual(addresses.map(() => 20))
})

overEveryLink(link => {
  test('a Go peer that is not who we dialled is refused', async () => {
    await using go = await serve(link)
    await using host = await diallingHost(link)
    await using client = new Client(host, { maxRetries: 0 })
    await expect(client.send(asStranger(go.address), ECHO, bytes('who?'))).rejects.toMatchObject(REFUSED)
    expect(host.getConnections()).toEqual([])
    expect(text(await client.send(go.address, ECHO, bytes('you')))).toBe('you')
  })

  test('a host of ours that is not who Go dialled is refused', async () => {
    await using host = await listeningHost(link)
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    await using go = send(link, { address: asStranger(addressOf(host)) }, ECHO)
    expect((await go.first('fatal')).error).toContain(host.peerId.toString())
    await using next = send(link, host, ECHO, { body: 'you' })
    expect(await next.first('answer')).toMatchObject({ body: 'you' })
  })
})

describe.each(['noise', 'tls'] as const)('js-libp2p with %s alone', security => {
  test('calls our host and is called by it', async () => {
    await using stock = await stockNode(security)
    await using host = await createHost({ listen: [LISTEN] })
    await using server = new Server(host)
    await server.start(ECHO, request => request)
    expect(await call(stock, addressOf(host))).toBe(20)

    await using other = await createHost()
    await using stockServer = new Server(stock)
    await stockServer.start(ECHO, request => request)
    expect(await call(other, addressOf(stock))).toBe(20)
    expect(other.getConnections().map(({ encryption }) => encryption)).toEqual([
      security === 'tls' ? '/tls/1.0.0' : '/noise'
    ])
  })

  test('and our host refuse each other under a wrong peer id', async () => {
    await using stock = await stockNode(security)
    await using host = await createHost({ listen: [LISTEN] })
    await expect(call(stock, asStranger(addressOf(host)))).rejects.toMatchObject(REFUSED)
    await expect(call(host, asStranger(addressOf(stock)))).rejects.toMatchObject(REFUSED)
  })
})
