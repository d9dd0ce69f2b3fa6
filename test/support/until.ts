import { inspect } from 'node:util'

const POLL = 10

export interface UntilOptions {
  /** Milliseconds after which it fails. */
  within?: number | undefined
}

/**
 * Looks again and again until what it sees is good, for states that no event announces.
 *
 * @throws Error with the last state seen
 */
export async function until<T>(
  what: string,
  look: () => T,
  isGood: (state: T) => boolean,
  options: UntilOptions = {}
): Promise<T> {
  const patience = options.within ?? 10_000
  const deadline = performance.now() + patience
  for (;;) {
    const state = look()
    if (isGood(state)) return state
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${patience} ms; last seen: ${inspect(state, { depth: 5 })}`)
    }
    await new Promise(resolve => setTimeout(resolve, POLL))
  }
}

/** Resolves as `promise` does, unless that takes too long. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets everything that is already due happen: microtasks, immediates and one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
