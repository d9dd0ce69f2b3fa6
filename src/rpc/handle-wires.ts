import type { Conn } from '../conn/conn.ts'
import { handleConns, type HandleOptions } from '../conn/listen.ts'
import { PointSubError } from '../core/errors.ts'
import type { Host } from '../core/host.ts'
import { idOf, type Wire } from '../core/wire.ts'

/**
 * Handles a protocol on one wire or on both: all of it or nothing. The returned function stops that.
 *
 * @throws PointSubError `ERR_PROTOCOL_EXISTS`
 */
export async function handleWires(
  host: Host,
  protocol: string,
  wire: Wire | 'auto',
  serve: Readonly<Record<Wire, (conn: Conn) => void>>,
  options: HandleOptions
): Promise<() => Promise<void>> {
  // In one tick, and a peer that finds the plain one shall find the other one, too: it would keep to what it has found.
  const wires: Wire[] = wire === 'auto' ? ['mux', 'plain'] : [wire]
  const handled = await Promise.allSettled(
    wires.map(each => handleConns(host, idOf(protocol, each), serve[each], options))
  )
  const undo = handled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const unhandle = async (): Promise<void> => {
    await Promise.all(undo.map(each => each()))
  }
  // When somebody has both, the id that users know.
  const failure = handled.findLast(({ status }) => status === 'rejected')
  if (failure?.status !== 'rejected') return unhandle
  await unhandle()
  throw failure.reason instanceof PointSubError ? failure.reason.ofProtocol(protocol) : failure.reason
}
