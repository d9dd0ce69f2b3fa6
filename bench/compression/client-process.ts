// Arguments: row, endpoint, stack, security.
import { multiaddr } from '@multiformats/multiaddr'
import { Client } from 'pointsub'
import { measureCallers } from '../callers.ts'
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf } from '../reply.ts'
import { createNode, stackFromArguments } from '../stack.ts'
import { JsonCaller } from './caller.ts'
import { PROTOCOL } from './protocol.ts'

endWithParent()
const [row, endpoint = '', ...stack] = process.argv.slice(2)
const node = await createNode(stackFromArguments(stack), 'dialler')
const { remotePeer } = await node.dial(multiaddr(endpoint))
const client = new Client(node, { enableCompression: row === 'compressed' })
const callers: JsonCaller[] = []

answerParent({}, question => {
  const concurrency = numberOf(question, 'concurrency')
  while (callers.length < concurrency) {
    callers.push(new JsonCaller(body => client.send(remotePeer, PROTOCOL, body), callers.length))
  }
  return measureCallers(callers.slice(0, concurrency), numberOf(question, 'seconds'))
})
