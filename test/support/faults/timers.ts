import { createHook } from 'node:async_hooks'

const armed = new Map<number, Error>()

const hook = createHook({
  init(id, type) {
    if (type !== 'Timeout') return
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 12
    armed.set(id, new Error('armed here'))
    Error.stackTraceLimit = limit
  },
  destroy(id) {
    armed.delete(id)
  }
})

/** Where a timer was armed, unless it was by a test. */
function origin({ stack = '' }: Error): string | undefined {
  const frames = stack.split('\n').slice(1)
  const place = frames.find(frame => !frame.includes('node:') && !frame.includes('faults/timers.ts'))
  return place === undefined || /node_modules\/(?:@?vitest)|\/test\//.test(place) ? undefined : place.trim()
}

/** Every timer of Node that is armed after this, those included that hold no process and those no code can name. */
export class TimerWatch implements Disposable {
  constructor() {
    armed.clear()
    hook.enable()
  }

  /** Where the timers were armed that are still waiting. */
  get waiting(): string[] {
    return [...armed.values()].map(origin).filter(place => place !== undefined)
  }

  [Symbol.dispose](): void {
    hook.disable()
    armed.clear()
  }
}
