import type { StreamMessageEvent } from '@libp2p/interface'

/** libp2p hands over a list where its muxer did not copy. */
export function bytesOf(data: StreamMessageEvent['data']): Uint8Array {
  return data instanceof Uint8Array ? data : data.subarray()
}
