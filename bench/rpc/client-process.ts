// Arguments: row, endpoint, stack, security.
import type { Measured } from '../callers.ts'
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf } from '../reply.ts'
import { stackFromArguments } from '../stack.ts'
import { findRow } from './find-row.ts'
import { runLoad } from './load.ts'
import type { Load } from './row.ts'

endWithParent()
const [name, endpoint = '', ...stack] = process.argv.slice(2)
const run = await connect()
answerParent({}, question =>
  run({
    bytes: numberOf(question, 'bytes'),
    concurrency: numberOf(question, 'concurrency'),
    seconds: numberOf(question, 'seconds')
  })
)

async function connect(): Promise<(load: Load) => Promise<Measured>> {
  const row = await findRow(name)
  const options = stackFromArguments(stack)
  if ('connectLoad' in row) return row.connectLoad(endpoint, options)
  const call = await row.connect(endpoint, options)
  return load => runLoad(call, load)
}
