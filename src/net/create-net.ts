import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from 'node:net'
import type { Conn } from '../conn/conn.ts'
import type { Host } from '../core/host.ts'
import { checkNumber } from './arguments.ts'
import { argumentTypeError } from './node-errors.ts'
import { Network } from './network.ts'
import { type ConnectionListener, type NetServer, Server } from './server.ts'
import type { NetSocket } from './net-socket.ts'
import { Socket } from './socket.ts'
import { splitArguments } from './targets.ts'
import type { NetConnectOptions, NetOptions, ServerOptions, SocketOptions } from './types.ts'

interface SocketClass {
  new (options?: SocketOptions): NetSocket
  (options?: SocketOptions): NetSocket
  readonly prototype: NetSocket
  /** Any Conn as a Socket of this host. The Conn must not be used any more. */
  from(conn: Conn, options?: SocketOptions): NetSocket
}

interface ServerClass {
  new (options?: ServerOptions | ConnectionListener | null, onConnection?: ConnectionListener): NetServer
  (options?: ServerOptions | ConnectionListener | null, onConnection?: ConnectionListener): NetServer
  readonly prototype: NetServer
}

interface Connect {
  (options: NetConnectOptions, onConnect?: () => void): NetSocket
  (port: number | string, host?: string, onConnect?: () => void): NetSocket
  (portOrProtocol: number | string, onConnect?: () => void): NetSocket
}

/** The members of `node:net`, on one host. */
export interface Net {
  readonly Socket: SocketClass
  /** Another name of `Socket`. */
  readonly Stream: SocketClass
  readonly Server: ServerClass
  readonly connect: Connect
  readonly createConnection: Connect
  readonly createServer: (
    options?: ServerOptions | ConnectionListener | null,
    onConnection?: ConnectionListener
  ) => NetServer
  /** Node's own, as the next four: peer ids are no IP addresses. */
  readonly isIP: typeof isIP
  readonly isIPv4: typeof isIPv4
  readonly isIPv6: typeof isIPv6
  readonly BlockList: typeof BlockList
  readonly SocketAddress: typeof SocketAddress
  /** Kept for code that asks: libp2p tries a peer's addresses by its own rules. */
  readonly getDefaultAutoSelectFamily: () => boolean
  readonly setDefaultAutoSelectFamily: (value: boolean) => void
  readonly getDefaultAutoSelectFamilyAttemptTimeout: () => number
  readonly setDefaultAutoSelectFamilyAttemptTimeout: (milliseconds: number) => void
}

/**
 * `node:net` over a libp2p host: sockets and servers whose addresses are peer ids and protocol ids.
 *
 * As with `node:net`, the process ends when no referenced socket or listening server is left, if `host` is one of
 * `createHost()`: `createNet()` calls `host.unref()`.
 *
 * @throws PointSubError `ERR_INVALID_ARGUMENT`
 */
export function createNet(host: Host, options: NetOptions = {}): Net {
  const network = new Network(host, options)
  host.unref?.()
  const BoundSocket = bind(Socket, args => [args[0], network])
  const BoundServer = bind(Server, args => [args[0], args[1], network])

  function connect(...args: unknown[]): NetSocket
  function connect(...args: unknown[]): Socket {
    const { options: given, callback }: { options: NetConnectOptions; callback: (() => void) | undefined } =
      splitArguments(args)
    const socket = new Socket(given, network)
    if (given.timeout) socket.setTimeout(given.timeout)
    return socket.connect(given, callback)
  }

  return {
    Socket: BoundSocket,
    Stream: BoundSocket,
    Server: BoundServer,
    connect,
    createConnection: connect,
    createServer: (serverOptions, onConnection) => new BoundServer(serverOptions, onConnection),
    ...NODES_OWN,
    ...autoSelectFamily()
  }
}

const NODES_OWN = { isIP, isIPv4, isIPv6, BlockList, SocketAddress } as const

/**
 * `Class` with the network filled in. Like the classes of `node:net` it can be extended, called without `new`, and
 * `instanceof` holds for the sockets and servers of every `createNet()`.
 */
function bind(Class: typeof Socket, fill: (args: unknown[]) => unknown[]): SocketClass
function bind(Class: typeof Server, fill: (args: unknown[]) => unknown[]): ServerClass
function bind(Class: typeof Socket | typeof Server, fill: (args: unknown[]) => unknown[]): unknown {
  const bound: unknown = new Proxy(Class, {
    construct: (target, args, newTarget): object =>
      Reflect.construct(target, fill(args), newTarget === bound ? target : newTarget),
    apply: (target, _self, args): object => Reflect.construct(target, fill(args))
  })
  return bound
}

function autoSelectFamily(): Pick<
  Net,
  | 'getDefaultAutoSelectFamily'
  | 'setDefaultAutoSelectFamily'
  | 'getDefaultAutoSelectFamilyAttemptTimeout'
  | 'setDefaultAutoSelectFamilyAttemptTimeout'
> {
  let enabled = true
  let attemptTimeout = 250
  return {
    getDefaultAutoSelectFamily: () => enabled,
    setDefaultAutoSelectFamily: value => {
      if (typeof value !== 'boolean') throw argumentTypeError('value', 'of type boolean', value)
      enabled = value
    },
    getDefaultAutoSelectFamilyAttemptTimeout: () => attemptTimeout,
    setDefaultAutoSelectFamilyAttemptTimeout: milliseconds => {
      checkNumber('value', milliseconds)
      attemptTimeout = Math.max(milliseconds, 10)
    }
  }
}
