import type { Conn } from '../conn/conn.ts'
import { watchForStall } from '../conn/stall-watch.ts'
import { PointSubError } from '../core/errors.ts'

const PATIENCE = 15_000

/**
 * Of a peer that has ended its side nobody can tell whether it still reads: one that has closed its stream says nothing
 * more, and Go's yamux does not even refuse what still comes. So the last bytes for it are waited for as long as they
 * move; after 15 s without that the stream is reset, and what waits fails with `EPIPE`.
 *
 * @returns how to stop that
 */
export function giveUpOnClosedPeer(conn: Conn): () => void {
  return watchForStall(
    () => conn.bytesUnsent,
    PATIENCE,
    () => conn.reset(new PointSubError('ERR_STREAM_CLOSED', 'the peer has ended its side and takes nothing more'))
  )
}
