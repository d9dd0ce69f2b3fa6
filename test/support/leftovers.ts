import { getEventListeners } from 'node:events'
import type { Stream } from '@libp2p/interface'
import type { TestHost } from './hosts.ts'
import { armedTimers } from './timers.ts'
import { type UntilOptions, until } from './until.ts'
import { idsOf } from './wires.ts'

const HOST_EVENTS = [
  'connection:open',
  'connection:close',
  'connection:prune',
  'peer:connect',
  'peer:disconnect',
  'peer:identify',
  'peer:update',
  'self:peer:update',
  'transport:close',
  'start',
  'stop'
]
const CONNECTION_EVENTS = ['close', 'message', 'drain', 'idle', 'remoteCloseWrite']
const STREAM_EVENTS = ['message', 'drain', 'close', 'end', 'idle', 'remoteCloseWrite', 'remoteCloseRead']

/** What a scenario may leave behind. */
export interface Leftovers {
  streams: string[]
  timers: string[]
  listeners: Record<string, number>
}

/** The open streams of a protocol on some hosts, whatever the wire. */
export function streamsOf(protocol: string, ...hosts: TestHost[]): Stream[] {
  const ids = idsOf(protocol)
  return hosts
    .flatMap(host => host.getConnections())
    .flatMap(connection => connection.streams)
    .filter(stream => ids.includes(stream.protocol))
}

export function leftovers(protocol: string, hosts: readonly TestHost[]): Leftovers {
  const streams = streamsOf(protocol, ...hosts)
  return {
    streams: streams.map(({ direction, id, status, readStatus, writeStatus, remoteWriteStatus }) =>
      [direction, id, status, readStatus, writeStatus, remoteWriteStatus].join(' ')
    ),
    timers: armedTimers(),
    listeners: {
      host: count(hosts, HOST_EVENTS),
      connection: count(
        hosts.flatMap(host => host.getConnections()),
        CONNECTION_EVENTS
      ),
      stream: count(streams, STREAM_EVENTS)
    }
  }
}

/** Waits until nothing of `protocol` is left: no stream, no timer of the package, no listener more than `before`. */
export async function nothingLeft(
  protocol: string,
  hosts: readonly TestHost[],
  before?: Leftovers,
  options: UntilOptions = {}
): Promise<void> {
  await until(
    'nothing is left behind',
    () => leftovers(protocol, hosts),
    ({ streams, timers, listeners }) =>
      streams.length === 0 &&
      timers.length === 0 &&
      Object.entries(before?.listeners ?? {}).every(([target, number]) => (listeners[target] ?? 0) <= number),
    options
  )
}

function count(targets: readonly EventTarget[], types: readonly string[]): number {
  let sum = 0
  for (const target of targets) for (const type of types) sum += getEventListeners(target, type).length
  return sum
}
