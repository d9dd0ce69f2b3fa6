// Arguments: row, stack, security. Echoes.
import { Server } from 'pointsub'
import { answerParent, endWithParent } from '../parent.ts'
import { addressOf, createNode, stackFromArguments } from '../stack.ts'
import { PROTOCOL } from './protocol.ts'

endWithParent()
const [row, ...stack] = process.argv.slice(2)
const node = await createNode(stackFromArguments(stack), 'listener')
const server = new Server(node, { enableCompression: row === 'compressed' })
await server.start(PROTOCOL, request => request)
const endpoint = addressOf(node)
answerParent({ endpoint }, () => Promise.resolve({ endpoint }))
