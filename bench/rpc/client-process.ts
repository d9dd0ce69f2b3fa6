// Arguments: row, endpoint, stack, security.
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf } from '../reply.ts'
import { stackFromArguments } from '../stack.ts'
import { runLoad } from './load.ts'
import { findRow } from './find-row.ts'

endWithParent()
const [name, endpoint = '', ...stack] = process.argv.slice(2)
const call = await findRow(name).connect(endpoint, stackFromArguments(stack))
answerParent({}, question =>
  runLoad(call, {
    bytes: numberOf(question, 'bytes'),
    concurrency: numberOf(question, 'concurrency'),
    seconds: numberOf(question, 'seconds')
  })
)
