import type { Stream } from '@libp2p/interface'
import { expect } from 'vitest'
import type { Host } from './hosts.ts'

/** The streams of a protocol on a host that have not ended in both directions. */
export function openStreams(host: Host, protocol: string): Stream[] {
  return host
    .getConnections()
    .flatMap(connection => connection.streams)
    .filter(stream => stream.protocol === protocol && !isOver(stream))
}

/** Waits until a host has no stream of a protocol left, and fails if that takes too long. */
export async function allStreamsClosed(host: Host, protocol: string, within = 5_000): Promise<void> {
  await Promise.race([
    Promise.all(openStreams(host, protocol).map(closed)),
    new Promise(resolve => setTimeout(resolve, within).unref())
  ])
  expect(
    openStreams(host, protocol).map(stream => `${stream.id} ${stream.direction} ${stream.status}`),
    `streams of ${protocol} that are still open`
  ).toEqual([])
}

function closed(stream: Stream): Promise<void> {
  return new Promise(resolve => stream.addEventListener('close', () => resolve(), { once: true }))
}

function isOver(stream: Stream): boolean {
  return stream.status === 'closed' || stream.status === 'aborted' || stream.status === 'reset'
}
