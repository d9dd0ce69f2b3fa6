import { startTimer, type Timer, unref } from '../core/timers.ts'

/** Calls `onStall` when `unsent()` stays the same for `patience` ms; returns how to stop that. */
export function watchForStall(unsent: () => number, patience: number, onStall: () => void): () => void {
  let before = unsent()
  const look = (): void => {
    const now = unsent()
    if (now === before) {
      onStall()
      return
    }
    before = now
    timer = start()
  }
  const start = (): Timer => {
    const started = startTimer(patience, look)
    unref(started)
    return started
  }
  let timer = start()
  return () => clearTimeout(timer)
}
