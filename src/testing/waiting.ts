import { TimeoutError } from '@libp2p/interface'
import { startTimer } from '../core/timers.ts'
import type { Link } from './link.ts'

/** How long libp2p itself waits for a dial or a stream that was given no signal, in ms. */
const PATIENCE = 10_000

/** Waits `ms`, and for the link to be healed; rejects when `signal` is aborted, or `stopped` is. */
export async function waitForLink(
  link: Link,
  ms: number,
  signal: AbortSignal | undefined,
  stopped: AbortSignal
): Promise<void> {
  const signals = signal === undefined ? [stopped] : [signal, stopped]
  for (const { aborted, reason } of signals) if (aborted) throw reason
  if (ms > 0) await pause(ms, signals)
  // A link may be partitioned again before its turn comes.
  while (link.isHeld) await healed(link, signal === undefined ? PATIENCE : Infinity, signals)
}

function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return settled(signals, resolve => {
    const timer = startTimer(ms, resolve)
    return () => clearTimeout(timer)
  })
}

function healed(link: Link, patience: number, signals: readonly AbortSignal[]): Promise<void> {
  return settled(signals, (resolve, reject) => {
    const takeBack = link.whenHealed(resolve)
    const late = (): void => reject(new TimeoutError(`the link ${link.label} is partitioned`))
    const timer = patience === Infinity ? undefined : startTimer(patience, late)
    return () => {
      takeBack()
      clearTimeout(timer)
    }
  })
}

/** A promise that an aborted signal rejects; `start` returns what to do when it has settled. */
function settled(
  signals: readonly AbortSignal[],
  start: (resolve: () => void, reject: (reason: unknown) => void) => () => void
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (how: () => void): void => {
      stop()
      for (const signal of signals) signal.removeEventListener('abort', onAbort)
      how()
    }
    const fail = (reason: unknown): void => end(() => reject(reason))
    const onAbort = (): void => fail(signals.find(({ aborted }) => aborted)?.reason)
    const stop = start(() => end(resolve), fail)
    for (const signal of signals) signal.addEventListener('abort', onAbort)
  })
}
