/** The program of a child process; see child-roles.ts and child.ts. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createHost } from '../../src/host/index.ts'
import { Client, type Conn, dial, listen, Server, type ServerOptions } from '../../src/index.ts'
import { MeasuredServer } from './measured-server.ts'
import { createNet, type Socket } from '../../src/net/index.ts'
import {
  COUNT,
  ECHO,
  HANG,
  type Report,
  type Role,
  SINK,
  SOCKET_IDLE,
  SOCKET_SINK,
  SOCKET_SOURCE
} from './child-roles.ts'

const CHUNK = 64 * 1024
const WARM_UP = 32 * 1024 * 1024

function report(message: Report): void {
  process.send?.(message)
}

/** Highest growth of this process' memory since it was made. */
class RssWatch {
  readonly #start = process.memoryUsage.rss()
  readonly #timer = setInterval(() => this.look(), 20)
  growth = 0

  look(): void {
    this.growth = Math.max(this.growth, process.memoryUsage.rss() - this.#start)
  }

  stop(): number {
    clearInterval(this.#timer)
    this.look()
    return this.growth
  }
}

async function serve(port = 0, identity?: string): Promise<void> {
  const host = await createHost({ listen: [`/ip4/127.0.0.1/tcp/${port}`], identity })
  const server = new Server(host)
  let count = 0
  await server.start(ECHO, request => request)
  await server.start(HANG, () => {
    count += 1
    report({ kind: 'entered', count })
    return new Promise(() => {})
  })
  report({ kind: 'ready', address: String(host.getMultiaddrs()[0]) })
}

/** Many peers in this one process; each puts its number behind what it echoes. */
async function serveMany(count: number): Promise<void> {
  const addresses: string[] = []
  for (let number = 0; number < count; number += 1) {
    const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
    const server = new Server(host)
    await server.start(ECHO, request => Uint8Array.of(...request, number))
    await server.start(COUNT, () => Buffer.from(String(server.getMetrics().totalRequests)))
    addresses.push(String(host.getMultiaddrs()[0]))
  }
  report({ kind: 'ready', address: addresses.join(' ') })
}

async function serveMeasured(options: ServerOptions): Promise<void> {
  const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  const measured = await MeasuredServer.start(host, options)
  process.on('message', () => report({ kind: 'usage', usage: measured.usage }))
  report({ kind: 'ready', address: String(host.getMultiaddrs()[0]) })
}

async function serveSockets(): Promise<void> {
  const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  const net = createNet(host)
  net.createServer(socket => socket.resume()).listen(SOCKET_SINK)
  net.createServer(socket => writeForEver(socket)).listen(SOCKET_SOURCE)
  net.createServer({ pauseOnConnect: true }).listen(SOCKET_IDLE)
  await once(net.createServer().listen(0), 'listening')
  report({ kind: 'ready', address: String(host.getMultiaddrs()[0]) })
}

function writeForEver(socket: Socket): void {
  const chunk = new Uint8Array(CHUNK)
  const fill = (): void => {
    while (socket.write(chunk));
  }
  socket.on('drain', fill).on('error', () => {})
  fill()
}

async function call({ address, protocol, calls, bytes = 10 }: Extract<Role, { kind: 'caller' }>): Promise<void> {
  const client = new Client(await createHost(), { enableCompression: false })
  report({ kind: 'ready', address: '' })
  await Promise.all(Array.from({ length: calls }, () => client.send(address, protocol, new Uint8Array(bytes))))
}

async function readSlowly(bytesPerSecond: number): Promise<void> {
  const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  const listener = await listen(host, SINK)
  report({ kind: 'ready', address: String(host.getMultiaddrs()[0]) })
  // What code, its compilation and buffers take anyway is taken by a first transfer at full speed.
  const warmUp = await listener.accept()
  for await (const _ of warmUp);
  await warmUp.close()
  await readOne(await listener.accept(), bytesPerSecond)
}

async function readOne(conn: Conn, bytesPerSecond: number): Promise<void> {
  const hash = createHash('sha256')
  const start = performance.now()
  const watch = new RssWatch()
  let bytes = 0
  for await (const chunk of conn) {
    hash.update(chunk)
    bytes += chunk.byteLength
    const ahead = (bytes / bytesPerSecond) * 1_000 - (performance.now() - start)
    if (ahead > 5) await new Promise(resolve => setTimeout(resolve, ahead))
  }
  const milliseconds = performance.now() - start
  report({ kind: 'transferred', bytes, sha256: hash.digest('hex'), rssGrowth: watch.stop(), milliseconds })
  await conn.close()
}

async function write(address: string, bytes: number): Promise<void> {
  const host = await createHost()
  await writeOne(await dial(host, address, SINK), WARM_UP)
  report({ kind: 'ready', address: '' })
  report(await writeOne(await dial(host, address, SINK), bytes))
}

async function writeOne(conn: Conn, bytes: number): Promise<Report> {
  const hash = createHash('sha256')
  const start = performance.now()
  const watch = new RssWatch()
  for (let sent = 0; sent < bytes; sent += CHUNK) {
    const chunk = new Uint8Array(Math.min(CHUNK, bytes - sent)).fill(sent / CHUNK)
    hash.update(chunk)
    await conn.write(chunk)
  }
  await conn.closeWrite()
  const milliseconds = performance.now() - start
  return { kind: 'transferred', bytes, sha256: hash.digest('hex'), rssGrowth: watch.stop(), milliseconds }
}

async function main(role: Role): Promise<void> {
  switch (role.kind) {
    case 'server':
      return serve(role.port, role.identity)
    case 'many-servers':
      return serveMany(role.count)
    case 'measured-server':
      return serveMeasured(role.options)
    case 'socket-server':
      return serveSockets()
    case 'caller':
      return call(role)
    case 'slow-reader':
      return readSlowly(role.bytesPerSecond)
    case 'writer':
      return write(role.address, role.bytes)
    default:
      throw new Error('no such role')
  }
}

// The parent is gone: so is the reason to be here.
process.on('disconnect', () => process.exit(0))
try {
  await main(JSON.parse(process.argv[2] ?? '{}'))
} catch (error) {
  report({ kind: 'failed', error: String(error) })
}
