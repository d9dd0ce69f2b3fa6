import { multiaddr } from '@multiformats/multiaddr'
import { addressOf, createNode } from '../../stack.ts'
import { echoFrames, pipelineOn } from '../framed-stream.ts'
import type { Row } from '../row.ts'

const PROTOCOL = '/bench/raw-one-stream/1.0.0'

/** One libp2p stream, requests one behind the other. */
export const rawOneStream: Row = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    await node.handle(PROTOCOL, echoFrames)
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const node = await createNode(stack, 'dialler')
    const pipeline = pipelineOn(await node.dialProtocol(multiaddr(endpoint), PROTOCOL))
    return body => pipeline.call(body)
  }
}
