// Arguments: row, stack, security.
import { answerParent, endWithParent } from '../parent.ts'
import { stackFromArguments } from '../stack.ts'
import { findRow } from './find-row.ts'

endWithParent()
const [name, ...stack] = process.argv.slice(2)
const row = await findRow(name)
const endpoint = await row.serve(stackFromArguments(stack))
answerParent({ endpoint }, () => Promise.resolve({ endpoint }))
