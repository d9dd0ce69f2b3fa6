/** Lets the event loop have its turn. Timers would do too, but browsers hold nested ones back for 4 ms each. */
export function turn(): Promise<void> {
  if (typeof MessageChannel === 'undefined') return new Promise(resolve => setTimeout(resolve))
  const { promise, resolve } = Promise.withResolvers<void>()
  const { port1, port2 } = new MessageChannel()
  const taken = (): void => {
    port1.close()
    resolve()
  }
  port1.addEventListener('message', taken, { once: true })
  port1.start()
  port2.postMessage(undefined)
  return promise
}
