import { nameOf, PointSubError } from '../core/errors.ts'
import { type NetError, systemError } from './node-errors.ts'
import type { Target } from './targets.ts'

/** Failures of the system below libp2p that are told as they are. */
const SYSTEM_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EMFILE'])

/** Why a peer could not be connected to, as the system call that would have failed. */
export function connectError(error: unknown, peer: string, target: Target, isUp: boolean): Error {
  if (!(error instanceof PointSubError)) return error instanceof Error ? error : new Error(String(error))
  const { protocol, port } = target
  const code = isUp ? connectCode(error) : 'ENETDOWN'
  if (code === 'ENOTFOUND') return notFound(peer, target, causeOf(error))
  const where = port === undefined ? `${peer} ${protocol}` : `${peer}:${port}`
  return systemError('connect', code, where, { address: peer, port, peer, protocol, cause: causeOf(error) })
}

function connectCode(error: PointSubError): string {
  switch (error.code) {
    case 'ERR_PEER_NOT_FOUND':
    case 'ERR_INVALID_PEER':
      return 'ENOTFOUND'
    case 'ERR_PROTOCOL_UNSUPPORTED':
      return 'ECONNREFUSED'
    case 'ERR_TIMEOUT':
      return 'ETIMEDOUT'
    case 'ERR_DIAL_SELF':
      return 'EADDRNOTAVAIL'
    case 'ERR_TOO_MANY_STREAMS':
      return 'EMFILE'
    case 'ERR_DIAL_FAILED':
      return dialCode(error) ?? 'EHOSTUNREACH'
    default:
      return 'ECONNRESET'
  }
}

/** What the dials to all addresses of a peer met, if the system or the clock said so. */
function dialCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string' && SYSTEM_CODES.has(error.code)) return error.code
  const below: unknown[] = error instanceof AggregateError ? error.errors : [error.cause]
  for (const each of below) {
    const code = each === undefined ? undefined : dialCode(each)
    if (code !== undefined) return code
  }
  // libp2p wraps the end of its own patience with an address in the error of what it was doing.
  return nameOf(error) === 'TimeoutError' || error.message.endsWith('aborted due to timeout') ? 'ETIMEDOUT' : undefined
}

/** No peer is known by that name, or no address of that peer. */
export function notFound(name: string, { protocol }: Target, cause: unknown): NetError {
  return systemError('getaddrinfo', 'ENOTFOUND', name, { hostname: name, peer: name, protocol, cause })
}

/** Why a stream failed while it was read or written. */
export function streamError(
  syscall: 'read' | 'write' | 'shutdown',
  error: PointSubError,
  readEnded: boolean
): NetError {
  const { peer, protocol } = error
  return systemError(syscall, streamCode(syscall, error, readEnded), '', { peer, protocol, cause: causeOf(error) })
}

function streamCode(syscall: string, { code }: PointSubError, readEnded: boolean): string {
  if (code === 'ERR_TIMEOUT') return 'ETIMEDOUT'
  // A peer that has ended its side and then resets does not want what is written: TCP's broken pipe.
  return syscall !== 'read' && (readEnded || code === 'ERR_STREAM_CLOSED') ? 'EPIPE' : 'ECONNRESET'
}

/** libp2p's own error where there is one. */
function causeOf(error: PointSubError): unknown {
  return error.cause ?? error
}
