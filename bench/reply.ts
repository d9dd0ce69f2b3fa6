/** What the benchmark's processes tell each other. */
export type Reply = Record<string, number | string>

export function isReply(message: unknown): message is Reply {
  return (
    typeof message === 'object' &&
    message !== null &&
    Object.values(message).every(value => typeof value === 'number' || typeof value === 'string')
  )
}

export function numberOf(reply: Reply, key: string): number {
  const value = reply[key]
  if (typeof value !== 'number') throw new TypeError(`"${key}" is missing`)
  return value
}

export function textOf(reply: Reply, key: string): string {
  const value = reply[key]
  if (typeof value !== 'string') throw new TypeError(`"${key}" is missing`)
  return value
}
