// Arguments: endpoint, stack, security. Dials; pushes the payload when told to, and tells how it goes.
import { type Conn, dial } from 'pointsub'
import { answerParent, endWithParent } from '../parent.ts'
import { type Reply, textOf } from '../reply.ts'
import { createNode, stackFromArguments } from '../stack.ts'
import { MemoryGrowth } from './memory.ts'
import { chunksOf, PAYLOAD_BYTES, Tally } from './payload.ts'
import { PROTOCOL } from './protocol.ts'

endWithParent()
const [endpoint = '', ...stack] = process.argv.slice(2)
const node = await createNode(stackFromArguments(stack), 'dialler')
const conn = await dial(node, endpoint, PROTOCOL)
const chunks = chunksOf(PAYLOAD_BYTES)
const memory = new MemoryGrowth()
const tally = new Tally()
let failure = ''
let pushed: Promise<void> = Promise.resolve()

answerParent({}, async question => {
  switch (textOf(question, 'do')) {
    case 'start':
      memory.start()
      pushed = push(conn)
      return {}
    case 'finish':
      await pushed
      return { ...status(), sha256: tally.digest() }
    default:
      return status()
  }
})

async function push(to: Conn): Promise<void> {
  try {
    for (const chunk of chunks) {
      await to.write(chunk)
      tally.add(chunk)
    }
    await to.closeWrite()
  } catch (error) {
    failure = String(error)
  }
}

function status(): Reply {
  return { bytes: tally.bytes, peak: memory.takePeak(), inUse: memory.inUse, failure }
}
