import { once } from 'node:events'
import { createServer } from 'node:https'
import { Pool } from 'undici'
import { createCertificate } from '../certificate.ts'
import { MAX_CONCURRENCY, type Row } from '../row.ts'
import { echo, KEEP_ALIVE, postTo } from './http-echo.ts'

/**
 * undici to node:https: as many connections as calls may be in flight. One with all requests pipelined is up to twice as
 * fast at 1 KiB, no faster at 64 B, and at 64 KiB node:https hangs up on it (HPE_PAUSED: its parser does not expect
 * bytes while answers wait to be taken). HTTP/2 is slower everywhere.
 */
export const undici: Row = {
  async serve() {
    const server = createServer({ ...createCertificate(), keepAliveTimeout: KEEP_ALIVE }, echo)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `https://127.0.0.1:${address.port}`
  },

  connect(endpoint) {
    const pool = new Pool(endpoint, {
      connections: MAX_CONCURRENCY,
      keepAliveTimeout: KEEP_ALIVE,
      keepAliveMaxTimeout: KEEP_ALIVE,
      // The certificate is made up, and both ends are this machine.
      connect: { rejectUnauthorized: false }
    })
    return Promise.resolve(postTo(pool, endpoint))
  }
}
