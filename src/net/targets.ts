import { isIP } from 'node:net'
import type { PeerLike } from '../core/peers.ts'
import { portOfProtocol, protocolOfPort } from './addresses.ts'
import { checkFunction, checkNumber, isPath, parsePort } from './arguments.ts'
import { argumentTypeError, argumentValueError, nodeError } from './node-errors.ts'
import type { ConnectOptions, ListenOptions, Lookup } from './types.ts'

/** What `connect()` was asked for. */
export interface Target {
  readonly protocol: string
  readonly port: number | undefined
  /** Known already, or to be found by `host`. */
  readonly peer: PeerLike | undefined
  readonly host: string
  readonly lookup: Lookup | undefined
}

export type Arguments = readonly unknown[]

/** `(options[, callback])`, `(port[, host][, callback])` or `(protocol[, host][, callback])`, as `node:net` tells them apart. */
export function splitArguments(args: Arguments): {
  options: object
  callback: ((...args: unknown[]) => void) | undefined
} {
  const [first, second] = args
  const last: unknown = args.at(-1)
  return { options: optionsOf(first, second), callback: isCallback(last) ? last : undefined }
}

function optionsOf(first: unknown, second: unknown): object {
  if (typeof first === 'object' && first !== null) return first
  const host = typeof second === 'string' ? { host: second } : {}
  if (isPath(first)) return { path: first, ...host }
  return first === undefined ? host : { port: first, ...host }
}

function isCallback(value: unknown): value is (...args: unknown[]) => void {
  return typeof value === 'function'
}

/**
 * Checks the options of `connect()` as `node:net` does.
 *
 * @throws `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_SOCKET_BAD_PORT`
 */
export function parseTarget(options: ConnectOptions): Target {
  const { peer, lookup, port } = options
  const host: unknown = options.host ?? 'localhost'
  const protocol = protocolIn(options, port !== undefined)
  if (port === undefined && protocol === undefined) {
    throw nodeError(TypeError, 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified')
  }
  if (typeof host !== 'string') throw argumentTypeError('options.host', 'of type string', host)
  if (lookup !== undefined && lookup !== null) checkFunction('options.lookup', lookup)
  checkLocalEnd(options)
  const where = { peer, host: host === '' ? 'localhost' : host, lookup: lookup ?? undefined }
  if (protocol !== undefined) return { protocol, port: portOfProtocol(protocol), ...where }
  const number = parsePort('options.port', port, 'Port')
  return { protocol: protocolOfPort(number), port: number, ...where }
}

/** What has no effect here is checked all the same: a mistake shows where it would with `node:net`. */
function checkLocalEnd({ localAddress, localPort, autoSelectFamily }: ConnectOptions): void {
  if (localPort !== undefined && localPort !== 0) checkNumber('options.localPort', localPort)
  if (localAddress && isIP(localAddress) === 0) {
    throw nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${localAddress}`)
  }
  if (autoSelectFamily !== undefined && autoSelectFamily !== null && typeof autoSelectFamily !== 'boolean') {
    throw argumentTypeError('options.autoSelectFamily', 'of type boolean', autoSelectFamily)
  }
}

/** Where a server shall listen: at a protocol, or at a port, which may be 0 for any. */
export type ListenTarget = { readonly protocol: string } | { readonly port: number }

/**
 * Checks the arguments of `listen()` as `node:net` does.
 *
 * @throws `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`, `ERR_SOCKET_BAD_PORT`
 */
export function parseListen(first: unknown, options: ListenOptions): ListenTarget {
  const { port } = options
  const path: unknown = options.protocol ?? options.path ?? undefined
  if (path !== undefined && typeof path !== 'string') throw argumentValueError('options', options)
  const protocol = protocolIn(options, port !== undefined && port !== null)
  if (protocol !== undefined) return { protocol }
  const isAny = first === undefined || first === null || isCallback(first) || ('port' in options && port === undefined)
  if (isAny || port === null) return { port: 0 }
  if (typeof port === 'number' || typeof port === 'string') return { port: parsePort('options.port', port) }
  const reason = 'port' in options || 'path' in options ? undefined : 'must have the property "port" or "path"'
  throw argumentValueError('options', options, reason)
}

/** node:http passes `protocol: 'http:'` beside the port; a protocol id starts with a slash. */
function protocolIn(options: ConnectOptions | ListenOptions, hasPort: boolean): string | undefined {
  const protocol: unknown = options.protocol ?? options.path ?? undefined
  if (protocol === undefined) return undefined
  if (typeof protocol !== 'string') throw argumentTypeError('options.protocol', 'of type string', protocol)
  if (protocol.startsWith('/')) return protocol
  if (hasPort) return undefined
  throw argumentValueError('options.protocol', protocol, 'must be a protocol id, which starts with a slash')
}
