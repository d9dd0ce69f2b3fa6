export type Timer = ReturnType<typeof setTimeout>

/** setTimeout fires at once when asked for more, some 25 days. */
export const LONGEST_TIMER: number = 2 ** 31 - 1

/** setTimeout for any time, Infinity included: one longer than it can hold comes after the longest it can. */
export function startTimer(ms: number, onTime: () => void): Timer {
  return setTimeout(onTime, Math.min(ms, LONGEST_TIMER))
}

/** Lets a Node process end although the timer is armed; browsers have no such thing. */
export function unref(timer: unknown): void {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function') {
    timer.unref()
  }
}
