import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { addressOf, createNode, STREAM_LIMITS } from '../../stack.ts'
import { bytesOf } from '../../rpc/message-bytes.ts'
import { type BulkRow, CHUNK_BYTES } from '../row.ts'

const PROTOCOL = '/bench/bulk-stream/1.0.0'

/** js-libp2p: one stream, `send()` and its `drain` event. */
export const rawStream: BulkRow = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    await node.handle(PROTOCOL, count, STREAM_LIMITS)
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const node = await createNode(stack, 'dialler')
    return async seconds => {
      const connection = await node.dial(multiaddr(endpoint))
      const bytes = await push(await connection.newStream(PROTOCOL, STREAM_LIMITS), seconds)
      await connection.close()
      return bytes
    }
  }
}

function count(stream: Stream): void {
  let bytes = 0
  stream.addEventListener('message', ({ data }) => (bytes += data.byteLength))
  stream.addEventListener('remoteCloseWrite', () => {
    // libp2p tells of the end before the data of the same frame.
    queueMicrotask(() => {
      const answer = Buffer.alloc(8)
      answer.writeDoubleBE(bytes)
      stream.send(answer)
      void stream.close()
    })
  })
}

async function push(stream: Stream, seconds: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'x')
  const answered = once(stream, 'message')
  const stopAt = performance.now() + seconds * 1000
  while (performance.now() < stopAt) {
    if (!stream.send(chunk)) await once(stream, 'drain')
  }
  await stream.close()
  const [{ data }] = await answered
  return Buffer.from(bytesOf(data)).readDoubleBE()
}
