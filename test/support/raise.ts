/** Throws, where an expression is wanted: `host ?? raise('no host')`. */
export function raise(message: string): never {
  throw new Error(message)
}
