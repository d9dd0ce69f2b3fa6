import type { PeerId } from '@libp2p/interface'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { KnownPeer, PeerLike } from '../core/peers.ts'
import type { ServerNode } from '../route/node-table.ts'
import type { SendOptions } from './types.ts'

export interface SendClosestOptions extends SendOptions {
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
 * Asks one node after the other until one answers.
 *
 * @param isOver whether there is no time left for another node
 * @throws PointSubError the last failure, with those before as `cause`
 */
export async function askInOrder(
  nodes: readonly ServerNode[],
  idempotent: boolean,
  isOver: () => boolean,
  ask: (target: KnownPeer) => Promise<Uint8Array>
): Promise<ClosestAnswer> {
  const failures: PointSubError[] = []
  for (const { target, health } of nodes) {
    if (isOver()) break
    try {
      const response = await ask(target)
      health.succeeded()
      return { response, target: target.id }
    } catch (error) {
      if (!(error instanceof PointSubError) || FINAL.has(error.code) || isTooLarge(error)) throw error
      health.failed(performance.now())
      failures.push(error)
      if (error.sent === true && !idempotent) break
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
