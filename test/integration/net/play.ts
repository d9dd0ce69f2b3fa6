import type { EventEmitter } from 'node:events'
import type { AddressInfo, NetConnectOpts, Server, ServerOpts, Socket } from 'node:net'
import { inspect } from 'node:util'
import { within } from '../../support/until.ts'
import type { NetLike, Nets } from './nets.ts'

/** Milliseconds in which whatever a scenario waits for has to happen. */
const PATIENCE = 5_000

/** Milliseconds of which nothing is expected: long enough for anything that is on its way over loopback. */
const A_WHILE = 40

const SOCKET_EVENTS = ['connect', 'ready', 'end', 'finish', 'timeout', 'error', 'close'] as const
const SERVER_EVENTS = ['listening', 'drop', 'error', 'close'] as const

/** Sockets that have told of their 'close'; `closed` is true some turns earlier. */
const gone = new WeakSet<Socket>()

export type Log = Record<string, string[]>

export interface Pair {
  readonly server: Server
  readonly port: number
  /** The client's. */
  readonly socket: Socket
  /** The server's, at the other end. */
  readonly accepted: Socket
}

export interface PairOptions {
  client?: Partial<NetConnectOpts>
  server?: ServerOpts
}

/**
 * One run of a scenario over one of the nets, and its log. What has no order between two sockets goes to different
 * channels.
 */
export class Play {
  readonly log: Log = {}
  readonly server: NetLike
  readonly client: NetLike
  /** Where the servers are. */
  readonly address: string
  readonly #nets: Nets
  readonly #ports = new Set<number>()
  readonly #servers = new Set<Server>()
  readonly #sockets = new Set<Socket>()

  constructor(nets: Nets) {
    this.#nets = nets
    this.server = nets.server
    this.client = nets.client
    this.address = nets.address
  }

  note(channel: string, ...what: unknown[]): void {
    const lines = (this.log[channel] ??= [])
    lines.push(this.#comparable(what.map(show).join(' ')))
  }

  /** Logs the return value, or what is thrown. */
  attempt(channel: string, label: string, action: () => unknown): void {
    try {
      const value = action()
      this.note(channel, label, '->', typeof value === 'object' && value !== null ? value.constructor.name : value)
    } catch (error) {
      this.note(channel, label, 'threw', error)
    }
  }

  /** Logs the events of a socket's life as they come. */
  logEvents(channel: string, socket: Socket, events: readonly string[] = SOCKET_EVENTS): void {
    for (const event of events) socket.on(event, (...args: unknown[]) => this.note(channel, event, ...args))
  }

  logServerEvents(channel: string, server: Server): void {
    for (const event of SERVER_EVENTS) {
      server.on(event, (given: unknown) => this.note(channel, event, given instanceof Error ? given : ''))
    }
  }

  /** Logs everything a socket reads, as one line at its end. */
  logText(channel: string, socket: Socket): void {
    let all = ''
    socket.on('data', (chunk: Buffer | string) => (all += chunk.toString()))
    socket.on('end', () => this.note(channel, 'read', all))
  }

  /** A callback that logs its arguments. */
  noting(channel: string, name: string): (...args: unknown[]) => void {
    return (...args) => this.note(channel, name, ...args)
  }

  createServer(options: ServerOpts = {}, onConnection?: (socket: Socket) => void): Server {
    return this.track(this.server.createServer(options, onConnection))
  }

  /** A server that listens at a port of its own. */
  async listen(
    onConnection?: (socket: Socket) => void,
    options: ServerOpts = {}
  ): Promise<{ server: Server; port: number }> {
    const server = this.createServer(options, onConnection)
    return { server, port: await this.listening(server) }
  }

  /** Listens, and waits until it does. */
  async listening(server: Server, port = 0): Promise<number> {
    server.listen({ port, host: '127.0.0.1' })
    await happens(server, 'listening')
    return this.portOf(server)
  }

  portOf(server: Server): number {
    const { port } = server.address() as AddressInfo
    this.#ports.add(port)
    return port
  }

  /** A port nobody listens at. */
  async deserted(): Promise<number> {
    const { server, port } = await this.listen()
    server.close()
    await happens(server, 'close')
    return port
  }

  connect(port: number, options: Partial<NetConnectOpts> = {}, onConnect?: () => void): Socket {
    return this.adopt(this.client.connect({ host: this.address, ...options, port } as NetConnectOpts, onConnect))
  }

  /** A socket that connects by itself, to be tidied up with the rest. */
  adopt<S extends Socket>(socket: S): S {
    this.#sockets.add(socket)
    return socket.on('connect', () => gone.delete(socket)).on('close', () => gone.add(socket))
  }

  /** A server that was made by hand, to be tidied up with the rest. */
  track(server: Server): Server {
    this.#servers.add(server)
    return server.on('connection', (socket: Socket) => this.adopt(socket))
  }

  /** Both ends of a socket that is connected. */
  async pair({ client = {}, server: serverOptions = {} }: PairOptions = {}): Promise<Pair> {
    const { server, port } = await this.listen(undefined, serverOptions)
    const socket = this.connect(port, client)
    const [[accepted]] = await Promise.all([happens(server, 'connection'), happens(socket, 'connect')])
    return { server, port, socket, accepted: accepted as Socket }
  }

  /** Ends whatever is still open. */
  async tidyUp(): Promise<void> {
    const open: EventEmitter[] = []
    for (const socket of this.#sockets) {
      // What happens from here on is not the scenario's.
      socket.removeAllListeners('data').on('error', () => {})
      if (!gone.has(socket) && (!socket.pending || socket.connecting || socket.destroyed)) open.push(socket)
      socket.destroy()
    }
    for (const server of this.#servers) {
      if (!server.listening) continue
      open.push(server)
      server.close()
    }
    await Promise.all(open.map(each => happens(each, 'close')))
  }

  #comparable(line: string): string {
    let shown = line
    for (const address of this.#nets.addresses) shown = shown.replaceAll(address, 'ADDRESS')
    for (const port of this.#ports) shown = shown.replaceAll(String(port), 'PORT')
    return shown.replaceAll(/\b(IPv[46]|libp2p)\b/g, 'FAMILY')
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return showError(value)
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY })
}

function showError(error: NodeJS.ErrnoException): string {
  const { name, code, syscall, errno, message } = error
  return [name, code, syscall, errno, `"${message}"`].filter(part => part !== undefined).join(' ')
}

/** The next event of a kind, its arguments. Unlike `once()` of Node it leaves 'error' to the scenario. */
export function happens(emitter: EventEmitter, event: string): Promise<unknown[]> {
  const next = new Promise<unknown[]>(resolve => emitter.once(event, (...args: unknown[]) => resolve(args)))
  return within(PATIENCE, `'${event}'`, next)
}

/** Waits until all of them are closed. */
export async function closed(...sockets: Socket[]): Promise<void> {
  await Promise.all(sockets.filter(socket => !gone.has(socket)).map(socket => happens(socket, 'close')))
}

/** Waits for as long as something might still happen that must not. */
export function awhile(milliseconds: number = A_WHILE): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

/** Everything a program can see of how far a socket has come. */
export function stateOf(socket: Socket): string {
  const flags = (
    [
      'pending',
      'connecting',
      'destroyed',
      'closed',
      'readable',
      'readableEnded',
      'writable',
      'writableEnded',
      'writableFinished'
    ] as const
  ).filter(flag => socket[flag])
  return [socket.readyState, ...flags].join(' ')
}

/** Calls a method with arguments its type does not allow, which untyped programs give it. */
export function callWith(target: object, method: string, ...args: unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, method) as (...given: unknown[]) => unknown, target, args)
}
