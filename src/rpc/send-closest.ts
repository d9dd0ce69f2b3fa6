import type { PeerId } from '@libp2p/interface'
import type { CancelOptions } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { KnownPeer, PeerLike } from '../core/peers.ts'
import type { ServerNode } from '../route/node-table.ts'

export interface SendClosestOptions extends CancelOptions {
  /** Peers not to ask this time. */
  exclude?: readonly PeerLike[] | undefined
}

/** An answer and who gave it. */
export interface ClosestAnswer {
  readonly response: Uint8Array
  readonly target: PeerId
}

/** Failures that the next node would not change. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['ERR_ABORTED', 'ERR_CLIENT_CLOSED', 'ERR_INVALID_ARGUMENT'])

/**
 * Asks one node after the other until one answers, all within one timeout.
 *
 * @param send asks one node within so many milliseconds
 * @throws PointSubError the last failure, with those before as `cause`
 */
export async function askInOrder(
  nodes: readonly ServerNode[],
  timeout: number,
  send: (target: KnownPeer, timeout: number) => Promise<Uint8Array>
): Promise<ClosestAnswer> {
  const deadline = performance.now() + timeout
  const failures: PointSubError[] = []
  for (const { target, health } of nodes) {
    const left = deadline - performance.now()
    if (left <= 0) break
    try {
      const response = await send(target, left)
      health.succeeded()
      return { response, target: target.id }
    } catch (error) {
      if (!(error instanceof PointSubError) || FINAL.has(error.code) || isTooLarge(error)) throw error
      health.failed(performance.now())
      failures.push(error)
    }
  }
  throw allFailed(failures, nodes.length)
}

/** Too large to be sent at all, to whomever. */
function isTooLarge(error: PointSubError): boolean {
  return error.code === 'ERR_MESSAGE_TOO_LARGE' && error.sent === false
}

function allFailed(failures: readonly PointSubError[], nodes: number): PointSubError {
  const last = failures.at(-1)
  if (last === undefined) return new PointSubError('ERR_TIMEOUT', 'the call took too long', { sent: false })
  const message = `${failures.length} of ${nodes} nodes failed; the last one: ${last.message}`
  const { code, peer, protocol } = last
  const sent = failures.some(failure => failure.sent !== false)
  return new PointSubError(code, message, { cause: new AggregateError(failures, message), peer, protocol, sent })
}
