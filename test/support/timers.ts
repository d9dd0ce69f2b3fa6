/** Every timer the package's own code has armed, and where. `process.getActiveResourcesInfo()` leaves out unref'd ones. */
const armed = new Map<unknown, string>()

/** Not those of `host`: they last as long as the host or a connection, and hold no process (process-hold.system.test.ts). */
const SOURCE = /\/src\/(?!core\/timers)(?:core|conn|frame|mux|compression|rpc|net|smts|testing)\/[\w-]+\.ts:\d+/

function armedBy(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 6
  const { stack = '' } = new Error('who arms this timer?')
  Error.stackTraceLimit = limit
  // A host holds the process up by a timer of its own, whoever asks for it.
  return stack.includes('/src/host/') ? undefined : SOURCE.exec(stack)?.[0]
}

function watchArming(name: 'setTimeout' | 'setInterval', repeats: boolean): void {
  const watched = new Proxy(globalThis[name], {
    apply(original, self, [callback, ...rest]: [(...args: unknown[]) => void, ...unknown[]]) {
      const by = armedBy()
      if (by === undefined) return Reflect.apply(original, self, [callback, ...rest])
      const fire = (...args: unknown[]): void => {
        if (!repeats) armed.delete(timer)
        callback(...args)
      }
      const timer: unknown = Reflect.apply(original, self, [fire, ...rest])
      armed.set(timer, `${name} ${by}`)
      return timer
    }
  })
  Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true })
}

function watchClearing(name: 'clearTimeout' | 'clearInterval'): void {
  const watched = new Proxy(globalThis[name], {
    apply(original, self, args: unknown[]) {
      armed.delete(args[0])
      return Reflect.apply(original, self, args)
    }
  })
  Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true })
}

watchArming('setTimeout', false)
watchArming('setInterval', true)
watchClearing('clearTimeout')
watchClearing('clearInterval')

/** Starts anew: what an earlier test left armed is not counted against the next. */
export function forgetArmedTimers(): void {
  armed.clear()
}

/** Timers of the package that are armed now, each as `setTimeout /src/…/file.ts:line`. */
export function armedTimers(): string[] {
  return [...armed.values()].toSorted()
}
