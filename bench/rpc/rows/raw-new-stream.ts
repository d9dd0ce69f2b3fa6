import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { addressOf, createNode, STREAM_LIMITS } from '../../stack.ts'
import { bytesOf } from '../message-bytes.ts'
import type { Call, Row } from '../row.ts'

const PROTOCOL = '/bench/raw-new-stream/1.0.0'

/** In ms, as in js-libp2p's guides. */
const CALL_TIMEOUT = 5_000

/** What js-libp2p's guides show: `dialProtocol()` for every request, the stream's end is the end of the message. */
export const rawNewStream: Row = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    await node.handle(
      PROTOCOL,
      async stream => {
        stream.send(await readToEnd(stream))
        await stream.close()
      },
      STREAM_LIMITS
    )
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const node = await createNode(stack, 'dialler')
    const { remotePeer } = await node.dial(multiaddr(endpoint))
    const call: Call = async body => {
      const signal = AbortSignal.timeout(CALL_TIMEOUT)
      const stream = await node.dialProtocol(remotePeer, PROTOCOL, { ...STREAM_LIMITS, signal })
      const answer = readToEnd(stream)
      stream.send(body)
      await stream.close({ signal })
      return answer
    }
    // A listener aborts a connection on which more than 10 streams come before it is ready: one shows that it is.
    await call(new Uint8Array(1))
    return call
  }
}

function readToEnd(stream: Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    stream.addEventListener('message', ({ data }) => chunks.push(bytesOf(data)))
    stream.addEventListener('remoteCloseWrite', () => {
      const [first] = chunks
      resolve(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks))
    })
    stream.addEventListener('close', ({ error }) => reject(error ?? new Error('the stream closed without an end')))
  })
}
