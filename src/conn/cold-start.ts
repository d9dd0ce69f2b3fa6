import type { Connection } from '@libp2p/interface'

/** Streams opened on a new connection before the first one has been answered. */
const EARLY_STREAMS = 4

/**
 * The dialler of a connection is ready before its listener is, and the 11th stream that arrives meanwhile makes
 * js-libp2p abort the whole connection (`MaxEarlyStreamsError`). So all but a few wait for the first answer.
 */
interface ColdStart {
  opening: number
  waiting: (() => void)[]
}

/** undefined once the connection has answered. */
const coldStarts = new WeakMap<Connection, ColdStart | undefined>()

/** Runs `open`, which opens a stream on `connection`, as soon as the connection can bear it. */
export async function afterColdStart<T>(
  connection: Connection,
  signal: AbortSignal,
  open: () => Promise<T>
): Promise<T> {
  const cold = coldStarts.has(connection) ? coldStarts.get(connection) : { opening: 0, waiting: [] }
  coldStarts.set(connection, cold)
  if (cold === undefined) return open()

  if (cold.opening >= EARLY_STREAMS) await turn(cold, signal)
  cold.opening += 1
  try {
    const opened = await open()
    // Answered: nobody has to wait on this connection any more.
    coldStarts.set(connection, undefined)
    for (const proceed of cold.waiting.splice(0)) proceed()
    return opened
  } finally {
    cold.opening -= 1
    cold.waiting.shift()?.()
  }
}

function turn(cold: ColdStart, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const proceed = (): void => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = (): void => {
      cold.waiting = cold.waiting.filter(other => other !== proceed)
      reject(signal.reason)
    }
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    cold.waiting.push(proceed)
  })
}
