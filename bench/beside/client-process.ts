// Arguments: endpoint, stack, security. Makes small calls when told to, and large ones beside them when told to.
import { multiaddr } from '@multiformats/multiaddr'
import { Client } from 'pointsub'
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf, textOf } from '../reply.ts'
import { runLoad } from '../rpc/load.ts'
import { createNode, stackFromArguments } from '../stack.ts'
import { Bulk } from './bulk.ts'
import { PROTOCOL } from './protocol.ts'

/** Eight bodies that share one connection take their time, in ms. */
const BULK_TIMEOUT = 120_000

endWithParent()
const [endpoint = '', ...stack] = process.argv.slice(2)
const node = await createNode(stackFromArguments(stack), 'dialler')
const { remotePeer } = await node.dial(multiaddr(endpoint))
const client = new Client(node)
let bulk: Bulk | undefined

answerParent({}, async question => {
  switch (textOf(question, 'do')) {
    case 'start bulk':
      bulk = await Bulk.start(body => client.send(remotePeer, PROTOCOL, body, { timeout: BULK_TIMEOUT }))
      return {}
    case 'stop bulk':
      return (await bulk?.stop()) ?? {}
    default:
      return runLoad(body => client.send(remotePeer, PROTOCOL, body), {
        bytes: numberOf(question, 'bytes'),
        concurrency: numberOf(question, 'concurrency'),
        seconds: numberOf(question, 'seconds')
      })
  }
})
