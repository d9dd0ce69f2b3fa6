import { multiaddr } from '@multiformats/multiaddr'
import { addressOf, createNode, STREAM_LIMITS } from '../../stack.ts'
import { echoFrames, pipelineOn } from '../framed-stream.ts'
import type { Pipeline } from '../pipeline.ts'
import { MAX_CONCURRENCY, type Row } from '../row.ts'

const PROTOCOL = '/bench/raw-pool-64/1.0.0'

/** As many libp2p streams as calls may be in flight, each with one request at a time. */
export const rawPool64: Row = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    await node.handle(PROTOCOL, echoFrames, STREAM_LIMITS)
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const node = await createNode(stack, 'dialler')
    const connection = await node.dial(multiaddr(endpoint))
    const idle: Pipeline[] = []
    // One after the other: too many at once abort a connection whose listener is not ready yet.
    while (idle.length < MAX_CONCURRENCY) {
      idle.push(pipelineOn(await connection.newStream(PROTOCOL, STREAM_LIMITS)))
    }
    return async body => {
      const stream = idle.pop()
      if (stream === undefined) throw new Error(`more than ${MAX_CONCURRENCY} calls at once`)
      const answer = await stream.call(body)
      idle.push(stream)
      return answer
    }
  }
}
