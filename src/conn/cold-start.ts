import type { Connection } from '@libp2p/interface'
import { nameOf } from '../core/errors.ts'

/** Streams opened on a new connection before the first one has been answered. */
const EARLY_STREAMS = 4

/**
 * The dialler of a connection is ready before its listener is, and the 11th stream that arrives meanwhile makes
 * js-libp2p abort the whole connection (`MaxEarlyStreamsError`). So all but a few wait for the first answer.
 */
interface ColdStart {
  opening: number
  /** In the order they came. */
  waiting: Set<() => void>
}

/** undefined once the connection has answered. */
const coldStarts = new WeakMap<Connection, ColdStart | undefined>()

/** Runs `open`, which opens a stream on `connection`, as soon as the connection can bear it. */
export async function afterColdStart<T>(
  connection: Connection,
  signal: AbortSignal,
  open: () => Promise<T>
): Promise<T> {
  const cold = coldStarts.has(connection) ? coldStarts.get(connection) : { opening: 0, waiting: new Set<() => void>() }
  coldStarts.set(connection, cold)
  if (cold === undefined) return open()

  if (cold.opening >= EARLY_STREAMS) await turn(cold, signal)
  cold.opening += 1
  try {
    const opened = await open()
    // Answered: nobody has to wait on this connection any more.
    warm(connection, cold)
    return opened
  } catch (error) {
    // A refusal is an answer as well.
    if (nameOf(error) === 'UnsupportedProtocolError') warm(connection, cold)
    throw error
  } finally {
    cold.opening -= 1
    const [proceed] = cold.waiting
    proceed?.()
  }
}

function warm(connection: Connection, cold: ColdStart): void {
  coldStarts.set(connection, undefined)
  for (const proceed of cold.waiting) proceed()
}

function turn(cold: ColdStart, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const proceed = (): void => {
      signal.removeEventListener('abort', onAbort)
      cold.waiting.delete(proceed)
      resolve()
    }
    const onAbort = (): void => {
      cold.waiting.delete(proceed)
      reject(signal.reason)
    }
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    cold.waiting.add(proceed)
  })
}
