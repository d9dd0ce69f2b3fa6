/** `target` with some members replaced or added; everything else, methods included, still runs on `target` itself. */
export function replaced<T extends object, M extends object>(target: T, members: M): T & M {
  const bound = new Map<PropertyKey, { from: unknown; to: unknown }>()
  const proxy = new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name)
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const known = bound.get(name)
      if (known?.from === value) return known.to
      const to: unknown = value.bind(target)
      bound.set(name, { from: value, to })
      return to
    },
    set: (_, name, value) => Reflect.set(Object.hasOwn(members, name) ? members : target, name, value),
    has: (_, name) => Object.hasOwn(members, name) || Reflect.has(target, name)
  })
  if (!hasMembers(proxy, members)) throw new TypeError('a proxy without its members')
  return proxy
}

function hasMembers<T extends object, M extends object>(proxy: T, members: M): proxy is T & M {
  return Object.keys(members).every(name => name in proxy)
}
