import type { PeerId } from '@libp2p/interface'
import type { Cancellation } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { KnownPeer, PeerLike } from '../core/peers.ts'
import type { ServerNode } from '../route/node-table.ts'
import { isFinal } from './retry.ts'
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
const FINAL: ReadonlySet<string> = new Set<ErrorCode>(['ERR_ABORTED', 'ERR_CLIENT_CLOSED', 'ERR_INVALID_ARGUMENT'])

/** Least time that one node gets to answer before the next one is asked, in ms; Go gives each as much. */
const NODE_TIME = 5_000

/**
 * Asks one node after the other until one answers. Each gets its share of the time that is left, so that one that never
 * answers does not use up that of the others.
 *
 * @throws PointSubError the last failure, with those before as `cause`; its `sent` is `true` when that of any was
 */
export async function askInOrder(
  nodes: readonly ServerNode[],
  idempotent: boolean,
  cancellation: Cancellation,
  ask: (target: KnownPeer, cancellation: Cancellation) => Promise<Uint8Array>
): Promise<ClosestAnswer> {
  const failures: PointSubError[] = []
  for (const [index, { target, health }] of nodes.entries()) {
    if (cancellation.reason !== undefined) break
    const share = Math.max(NODE_TIME, cancellation.remaining / (nodes.length - index))
    using part = cancellation.part(`asking ${target.name}`, share)
    try {
      const response = await ask(target, part)
      health.succeeded()
      return { response, target: target.id }
    } catch (error) {
      if (!(error instanceof PointSubError)) throw error
      // Who waited for a stream is only told why he does not get one.
      const failure = error.with({ peer: target.id.toString(), sent: false })
      if (isForAll(failure)) throw wasSent(failures) ? failure.withSent() : failure
      // A call that ran out of time before the node was asked says nothing about the node.
      if (cancellation.reason === undefined || failure.sent === true) health.failed(performance.now())
      failures.push(failure)
      if (failure.sent === true && !idempotent) break
    }
  }
  throw allFailed(failures, nodes.length) ?? cancellation.reason
}

/** Whether the next node could not do better: the caller's own doing, or an answer that a handler chose to give. */
function isForAll({ code, remote, retryable, sent }: PointSubError): boolean {
  if (remote) return sent === true && retryable === false && code !== 'ERR_REMOTE'
  return FINAL.has(code) || (code === 'ERR_MESSAGE_TOO_LARGE' && sent === false)
}

function wasSent(failures: readonly PointSubError[]): boolean {
  return failures.some(({ sent }) => sent === true)
}

/** One error for all failures; undefined when there are none. */
function allFailed(failures: readonly PointSubError[], nodes: number): PointSubError | undefined {
  // If another round may help, it is to be made.
  const last = failures.findLast(failure => !isFinal(failure)) ?? failures.at(-1)
  if (last === undefined) return undefined
  const message = `${failures.length} of ${nodes} nodes failed; the last one: ${last.message}`
  const { code, peer, protocol, remote, retryable, retryAfter, details } = last
  const cause = new AggregateError(failures, message)
  const said = { remote, retryable, retryAfter, details }
  return new PointSubError(code, message, { cause, peer, protocol, sent: wasSent(failures), ...said })
}
