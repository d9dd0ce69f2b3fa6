/** `target` with one property replaced; everything else, methods included, still runs on `target` itself. */
export function override<T extends object, K extends keyof T>(target: T, key: K, replace: (original: T[K]) => T[K]): T {
  const replacement = replace(target[key])
  return new Proxy(target, {
    get(_, name) {
      if (name === key) return replacement
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      // With what a function has of its own, as a logger's.
      return Object.assign(value.bind(target), value)
    }
  })
}
