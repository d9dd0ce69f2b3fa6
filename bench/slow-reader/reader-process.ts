// Arguments: stack, security. Listens; reads slowly for a while when told to, then as fast as it can.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Conn, listen } from 'pointsub'
import { answerParent, endWithParent } from '../parent.ts'
import { numberOf, type Reply, textOf } from '../reply.ts'
import { addressOf, createNode, stackFromArguments } from '../stack.ts'
import { MemoryGrowth } from './memory.ts'
import { MIB, Tally } from './payload.ts'
import { PROTOCOL } from './protocol.ts'

const BYTES_PER_SECOND = MIB

endWithParent()
const node = await createNode(stackFromArguments(process.argv.slice(2)), 'listener')
const listener = await listen(node, PROTOCOL)
const accepted = listener.accept()
const memory = new MemoryGrowth()
const tally = new Tally()
let failure = ''

answerParent({ endpoint: addressOf(node) }, async question => {
  const conn = await accepted
  try {
    if (textOf(question, 'do') === 'read slowly') return await readSlowly(conn, numberOf(question, 'seconds'))
    return await readToEnd(conn)
  } catch (error) {
    failure = String(error)
    return status()
  }
})

async function readSlowly(conn: Conn, seconds: number): Promise<Reply> {
  memory.start()
  const start = performance.now()
  const end = start + seconds * 1000
  for (let now = start; now < end; now = performance.now()) {
    const due = start + (tally.bytes / BYTES_PER_SECOND) * 1000
    if (due > now) {
      await sleep(Math.min(due, end) - now)
      continue
    }
    const chunk = await conn.read()
    if (chunk === null) break
    tally.add(chunk)
  }
  return status()
}

async function readToEnd(conn: Conn): Promise<Reply> {
  const start = performance.now()
  const before = tally.bytes
  for await (const chunk of conn) tally.add(chunk)
  const seconds = (performance.now() - start) / 1000
  await conn.close()
  return { ...status(), sha256: tally.digest(), drainRate: (tally.bytes - before) / seconds }
}

function status(): Reply {
  return { bytes: tally.bytes, peak: memory.takePeak(), inUse: memory.inUse, failure }
}
