// Arguments: stack, security. Answers calls of all three kinds on one protocol.
import { randomBytes } from 'node:crypto'
import { Server } from 'pointsub'
import { answerParent, endWithParent } from '../parent.ts'
import { addressOf, createNode, stackFromArguments } from '../stack.ts'
import { BODY_BYTES, DOWNLOAD, PROTOCOL, UPLOAD } from './protocol.ts'

/** Four bodies each way are, to the byte, the default bound on what one peer may take: nothing would be left. */
const MAX_MEMORY = 1024 * 1024 * 1024

endWithParent()
const body = randomBytes(BODY_BYTES)
const node = await createNode(stackFromArguments(process.argv.slice(2)), 'listener')
const server = new Server(node, { maxMemoryUsage: MAX_MEMORY, maxMemoryUsagePerPeer: MAX_MEMORY })
await server.start(PROTOCOL, answer)
const endpoint = addressOf(node)
answerParent({ endpoint }, () => Promise.resolve({ endpoint }))

function answer(request: Uint8Array): Uint8Array {
  switch (request[0]) {
    case UPLOAD: {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(request.byteLength)
      return length
    }
    case DOWNLOAD:
      return body
    default:
      return request
  }
}
