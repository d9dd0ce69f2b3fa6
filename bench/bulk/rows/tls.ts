import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import { createCertificate } from '../../rpc/certificate.ts'
import { countDuplex, pushDuplex } from '../duplex.ts'
import type { BulkRow } from '../row.ts'

/** node:tls: the yardstick. */
export const tls: BulkRow = {
  async serve() {
    const server = createServer({ ...createCertificate(), allowHalfOpen: true }, countDuplex)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return String(address.port)
  },

  connect(endpoint) {
    return Promise.resolve(async seconds => {
      const socket = connect({ port: Number(endpoint), host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      return pushDuplex(socket, seconds)
    })
  }
}
