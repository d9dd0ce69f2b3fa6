// Arguments: the port behind the link, bits per second. A TCP proxy that is as slow as a network.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { answerParent, endWithParent } from '../parent.ts'
import { Shaper } from './shaper.ts'

endWithParent()
const [port, bitsPerSecond] = process.argv.slice(2).map(Number)
if (port === undefined || bitsPerSecond === undefined) throw new Error('a port and a rate are missing')

const server = createServer({ allowHalfOpen: true, noDelay: true }, near => {
  const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  const busy = new Set<Shaper>()
  for (const [from, to] of [[near, far] as const, [far, near] as const]) {
    void new Shaper(from, to, bitsPerSecond / 8, busy)
  }
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('no port')
const ready = { port: address.port }
answerParent(ready, () => Promise.resolve(ready))
