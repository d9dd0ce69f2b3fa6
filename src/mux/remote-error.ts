import { type ApplicationErrorCode, PointSubError } from '../core/errors.ts'
import type { Failure } from '../frame/mux.ts'
import { encodePairs, type Pairs } from '../frame/pairs.ts'

const CODE = /^ERR_[A-Z0-9_]{1,60}$/
const LONGEST_WAIT = 2 ** 32 - 1

/** How a call failed, as the peer is told. */
export interface FailureInit {
  readonly notProcessed?: boolean
  /** For the caller to wait when the error itself says nothing, in ms. */
  readonly retryable?: boolean
}

/** An error for the peer: a PointSubError as it is, anything else without what it says. */
export function failureOf(id: number, cause: unknown, { notProcessed = false, retryable }: FailureInit = {}): Failure {
  const isOurs = isPointSubError(cause)
  const known = isOurs && CODE.test(cause.code)
  return {
    type: 'error',
    id,
    notProcessed,
    retryable: isOurs ? (cause.retryable ?? retryable ?? false) : (retryable ?? false),
    retryAfter: isOurs ? wholeMilliseconds(cause.retryAfter) : 0,
    code: known ? cause.code : 'ERR_REMOTE',
    message: known ? cause.message : 'the handler of the peer failed',
    details: isOurs ? sendable(cause.details) : undefined
  }
}

/** What a peer said of a call that failed. */
export function errorOf(failure: Failure, names: { peer: string; protocol: string }): PointSubError {
  const { code, message, retryable, notProcessed, retryAfter, details } = failure
  if (!isCode(code)) throw new PointSubError('ERR_INVALID_FRAME', 'the peer sent an ERROR without a proper code')
  return new PointSubError(code, message, {
    ...names,
    sent: !notProcessed,
    remote: true,
    retryable,
    retryAfter: retryAfter === 0 ? undefined : retryAfter,
    details
  })
}

/** By its name, for an application may have another copy of this package. */
function isPointSubError(cause: unknown): cause is PointSubError {
  return cause instanceof Error && cause.name === 'PointSubError' && 'code' in cause && typeof cause.code === 'string'
}

function isCode(code: string): code is ApplicationErrorCode {
  return CODE.test(code)
}

function wholeMilliseconds(ms: unknown): number {
  return typeof ms === 'number' && ms > 0 ? Math.min(LONGEST_WAIT, Math.ceil(ms)) : 0
}

/** Details that cannot be sent must not keep the error from being. */
function sendable(details: Pairs | undefined): Pairs | undefined {
  try {
    encodePairs('details', details)
    return details
  } catch {
    return undefined
  }
}
