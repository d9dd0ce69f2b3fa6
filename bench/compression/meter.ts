import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../child.ts'
import { numberOf } from '../reply.ts'
import { median } from '../statistics.ts'

/** In ms; what comes before is the link filling up. */
const RAMP = 200
const DURATION = 1_000
const MESSAGE_BYTES = 16 * 1024
const MESSAGES = 50

const LINK = new URL('link-process.ts', import.meta.url)

/** What a link really does. */
export interface Metered {
  /** Bits a second, with both directions full. */
  readonly up: number
  readonly down: number
  /** ms from the first byte of a message of 16 KiB, there and back, to the last. */
  readonly roundTrip: number
}

/** @returns a link to a port, and the port where it begins */
export async function startLink(port: number, bitsPerSecond: number): Promise<{ link: Child; port: number }> {
  const { child, ready } = await Child.start(LINK, [String(port), String(bitsPerSecond)])
  return { link: child, port: numberOf(ready, 'port') }
}

/** Measures a link with plain sockets at both ends. */
export async function meterLink(bitsPerSecond: number): Promise<Metered> {
  const server = createServer({ noDelay: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { link, port } = await startLink(address.port, bitsPerSecond)
  const near = connect({ host: '127.0.0.1', port, noDelay: true })
  const [far]: Socket[] = await once(server, 'connection')
  if (far === undefined) throw new Error('nobody came')
  try {
    const roundTrip = await measureRoundTrip(near, far)
    const [up, down] = await measureRates(near, far)
    return { up, down, roundTrip }
  } finally {
    // The first to go resets the other.
    for (const socket of [near, far]) socket.on('error', () => {}).destroy()
    server.close()
    await link.stop()
  }
}

async function measureRoundTrip(near: Socket, far: Socket): Promise<number> {
  const message = Buffer.alloc(MESSAGE_BYTES)
  const times: number[] = []
  for (let i = 0; i < MESSAGES; i += 1) {
    const start = performance.now()
    near.write(message)
    await receive(far, MESSAGE_BYTES)
    far.write(message)
    await receive(near, MESSAGE_BYTES)
    times.push(performance.now() - start)
  }
  return median(times)
}

function receive(socket: Socket, bytes: number): Promise<void> {
  return new Promise(resolve => {
    let received = 0
    const onData = (chunk: Buffer): void => {
      received += chunk.byteLength
      if (received < bytes) return
      socket.off('data', onData)
      resolve()
    }
    socket.on('data', onData)
  })
}

async function measureRates(near: Socket, far: Socket): Promise<[up: number, down: number]> {
  const counts = [0, 0]
  far.on('data', (chunk: Buffer) => (counts[0] = (counts[0] ?? 0) + chunk.byteLength))
  near.on('data', (chunk: Buffer) => (counts[1] = (counts[1] ?? 0) + chunk.byteLength))
  for (const socket of [near, far]) keepWriting(socket)
  await sleep(RAMP)
  const before = [...counts]
  const start = performance.now()
  await sleep(DURATION)
  const seconds = (performance.now() - start) / 1000
  const rate = (direction: number): number => (((counts[direction] ?? 0) - (before[direction] ?? 0)) * 8) / seconds
  return [rate(0), rate(1)]
}

function keepWriting(socket: Socket): void {
  const chunk = Buffer.alloc(64 * 1024)
  const write = (): void => {
    while (!socket.destroyed && socket.write(chunk)) {}
  }
  socket.on('drain', write)
  write()
}
