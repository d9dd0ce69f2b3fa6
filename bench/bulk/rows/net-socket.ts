import { once } from 'node:events'
import { createNet } from 'pointsub/net'
import { addressOf, createNode } from '../../stack.ts'
import { countDuplex, pushDuplex } from '../duplex.ts'
import type { BulkRow } from '../row.ts'

const PROTOCOL = '/bench/bulk-socket/1.0.0'

/** `pointsub/net`: a Socket. */
export const netSocket: BulkRow = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    const server = createNet(node).createServer({ allowHalfOpen: true }, countDuplex).listen(PROTOCOL)
    await once(server, 'listening')
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const net = createNet(await createNode(stack, 'dialler'))
    return async seconds => {
      const socket = net.connect({ peer: endpoint, protocol: PROTOCOL })
      await once(socket, 'connect')
      const { connection } = socket
      const bytes = await pushDuplex(socket, seconds)
      await connection?.close()
      return bytes
    }
  }
}
