import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ComponentLogger, Logger, Stream } from '@libp2p/interface'
import { noise as stockNoise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { lpStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { noise, type NoiseOptions } from '../../../src/host/noise/noise.ts'
import { bytesOf, randomBody, sameBytes } from '../../support/bytes.ts'
import { addressOf, type TestHost } from '../../support/hosts.ts'
import { until, within } from '../../support/until.ts'

const ECHO = '/echo/1.0.0'

interface Node {
  /** @libp2p/noise as it is, when undefined. */
  options?: NoiseOptions
  /** Gets what libp2p logs as errors. */
  logged?: unknown[]
}

async function node({ options, logged = [] }: Node): Promise<TestHost> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [options === undefined ? stockNoise() : noise(options)],
    streamMuxers: [yamux()],
    connectionManager: { inboundUpgradeTimeout: 5_000 },
    logger: recording(logged)
  })
  await host.handle(ECHO, async stream => {
    const wire = lpStream(stream)
    await wire.write(await wire.read())
    await stream.close()
  })
  return Object.assign(host, { [Symbol.asyncDispose]: async () => host.stop() })
}

function recording(logged: unknown[]): ComponentLogger {
  const log: Logger = Object.assign(() => {}, {
    error: (...args: unknown[]) => void logged.push(...args),
    trace: () => {},
    newScope: () => log,
    enabled: true
  })
  return { forComponent: () => log }
}

async function echo(stream: Stream): Promise<void> {
  const body = randomBody(300_000)
  const wire = lpStream(stream)
  await wire.write(body)
  const answer = await wire.read()
  expect(sameBytes(answer.subarray(), body)).toBe(true)
  await stream.close()
}

describe('noise under real libp2p nodes', () => {
  it.for<[string, Node, Node]>([
    ['ours to ours', { options: {} }, { options: {} }],
    ['ours to ours that accepts dep2p', { options: {} }, { options: { dialect: 'dep2p' } }],
    ['ours to stock', { options: {} }, {}],
    ['stock to ours', {}, { options: {} }]
  ])('%s', async ([, dials, listens]) => {
    await using dialler = await node(dials)
    await using listener = await node(listens)
    const connection = await dialler.dial(addressOf(listener))
    expect([connection.encryption, connection.multiplexer]).toEqual(['/noise', '/yamux/1.0.0'])
    expect(connection.remotePeer.equals(listener.peerId)).toBe(true)
    await echo(await connection.newStream(ECHO))
  })

  it('a peer of the other dialect is told to the one who can change it', async () => {
    const logged: unknown[] = []
    await using listener = await node({ options: { dialect: 'dep2p' }, logged })
    await using stock = await node({})
    await expect(stock.dial(addressOf(listener))).rejects.toThrow(/signature/)
    const hint = await until(
      'the hint',
      () => logged.filter(each => each instanceof Error).find(error => error.message.includes('noise:')),
      error => error !== undefined
    )
    expect(hint?.message).toMatch(/if it is a libp2p peer .* option dialect: 'libp2p' of createHost\(\)/)
  })
})

/** A socket that has agreed on noise with a host. */
async function agreed(host: TestHost): Promise<Socket> {
  const components = addressOf(host).getComponents()
  const port = components.find(({ name }) => name === 'tcp')?.value
  const socket = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true })
  const lines = (text: string): Buffer => Buffer.concat([Uint8Array.of(text.length + 1), bytesOf(`${text}\n`)])
  const answer = Buffer.concat([lines('/multistream/1.0.0'), lines('/noise')])
  socket.write(answer)
  let seen = 0
  while (seen < answer.byteLength) {
    const [chunk]: Buffer[] = await once(socket, 'data')
    seen += chunk?.byteLength ?? 0
  }
  return socket
}

describe('a socket that shakes hands badly', () => {
  it.for<[string, (socket: Socket) => void]>([
    ['ends at once', socket => void socket.end()],
    ['ends within a length', socket => void socket.end(Uint8Array.of(0))],
    ['ends within message 1', socket => void socket.end(Uint8Array.of(0, 32, 1, 2))],
    ['ends after message 1', socket => void socket.end(Buffer.concat([Uint8Array.of(0, 32), randomBody(32)]))],
    [
      'is reset after message 1',
      socket => {
        socket.write(Buffer.concat([Uint8Array.of(0, 32), randomBody(32)]))
        socket.once('data', () => socket.resetAndDestroy())
      }
    ],
    ['sends no key', socket => void socket.write(Uint8Array.of(0, 0))],
    ['sends garbage', socket => void socket.write(randomBody(200_000))],
    [
      'sends garbage after message 1',
      socket => {
        socket.write(Buffer.concat([Uint8Array.of(0, 32), randomBody(32), Uint8Array.of(1, 0), randomBody(256)]))
      }
    ]
  ])('and %s is closed, without a connection', async ([, act]) => {
    await using listener = await node({ options: {} })
    const opened: unknown[] = []
    listener.addEventListener('connection:open', event => opened.push(event))
    const socket = await agreed(listener)
    socket.on('error', () => {})
    socket.resume()
    const closed = new Promise(resolve => socket.once('close', resolve))
    act(socket)
    // Far less than the 5 s after which libp2p gives up.
    socket.once('end', () => socket.end())
    await within(3_000, 'the socket is closed', closed)
    expect(opened).toEqual([])
  })
})
