import { PointSubError } from '../core/errors.ts'

/** When a client that asked for too much may come back, in ms. */
const RETRY_AFTER = 100

/** For a request that came too late. */
export function serverClosed(message: string): PointSubError {
  return new PointSubError('ERR_SERVER_CLOSED', message, { retryable: true })
}

/** For a message that there is no memory for. */
export function outOfMemory(what: string): PointSubError {
  const message = `there is no memory for ${what}: those of the peer hold too many bytes`
  return new PointSubError('ERR_MEMORY_LIMIT', message, { retryable: true, retryAfter: RETRY_AFTER })
}

/** For a request whose body does not come on. */
export function bodyTimeout(readTimeout: number): PointSubError {
  const message = `the body took longer than readTimeout, ${readTimeout} ms`
  return new PointSubError('ERR_TIMEOUT', message, { retryable: true })
}

/** For a request above what is handled at once. */
export function overloaded(message: string): PointSubError {
  return new PointSubError('ERR_OVERLOADED', message, { retryable: true, retryAfter: RETRY_AFTER })
}

/** For a message that is not taken because of its size. */
export function tooLarge(what: string, size: number, maxBlockSize: number): PointSubError {
  return new PointSubError(
    'ERR_MESSAGE_TOO_LARGE',
    `${what} of ${size} bytes is more than maxBlockSize, ${maxBlockSize}`
  )
}

/** For a request that the peer has said it would refuse; undefined for one that it has not. */
export function refusedBy({ isGreeted, peer }: Greeted, size: number): PointSubError | undefined {
  if (!isGreeted || size <= peer.maxBody) return undefined
  const message = `a request of ${size} bytes is more than the peer takes, ${peer.maxBody}`
  return new PointSubError('ERR_MESSAGE_TOO_LARGE', message, { remote: true })
}

/** What is known of a peer. */
interface Greeted {
  readonly isGreeted: boolean
  readonly peer: { readonly maxBody: number }
}
