import type { Conn } from '../conn/conn.ts'
import { handleConns, type HandleOptions } from '../conn/listen.ts'
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
  // A peer that finds the plain one shall find the other one, too: it would keep to what it has found.
  const wires: Wire[] = wire === 'auto' ? ['mux', 'plain'] : [wire]
  const undo: (() => Promise<void>)[] = []
  const unhandle = async (): Promise<void> => {
    await Promise.all(undo.map(each => each()))
  }
  try {
    for (const each of wires) undo.push(await handleConns(host, idOf(protocol, each), serve[each], options))
  } catch (error) {
    await unhandle()
    throw error
  }
  return unhandle
}
