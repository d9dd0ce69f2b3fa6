import { unref } from '../core/timers.ts'

/** Calls `run` once the returned function has not been called for `ms`; waiting does not keep the process up. */
export function debounce(ms: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  return () => {
    clearTimeout(timer)
    timer = setTimeout(run, ms)
    unref(timer)
  }
}
