// Arguments: row, endpoint, stack, security.
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf } from '../reply.ts'
import { stackFromArguments } from '../stack.ts'
import { findRow } from './find-row.ts'

endWithParent()
const [name, endpoint = '', ...stack] = process.argv.slice(2)
const push = await findRow(name).connect(endpoint, stackFromArguments(stack))
answerParent({}, async question => {
  const start = performance.now()
  const bytes = await push(numberOf(question, 'seconds'))
  return { bytes, seconds: (performance.now() - start) / 1000 }
})
