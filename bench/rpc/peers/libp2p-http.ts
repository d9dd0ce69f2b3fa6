import { createServer, type Server } from 'node:http'
import { http, type WebServer } from '@libp2p/http'
import { streamToSocket } from '@libp2p/http-utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { addressOf, stockOptions } from '../../stack.ts'
import type { Row } from '../row.ts'
import { echo, KEEP_ALIVE, postTo } from './http-echo.ts'

/** A libp2p node without limits of one's own takes as many streams of a protocol from one connection. */
const MAX_STREAMS = 32

/** @libp2p/http on the stock stack: its dispatcher for undici, which keeps streams open, to a node:http server. */
export const libp2pHttp: Row = {
  async serve({ security }) {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE }, echo)
    const node = await createLibp2p({
      ...stockOptions(security, 'listener'),
      services: { http: http({ server: webServer(server) }) }
    })
    return addressOf(node)
  },

  async connect(endpoint, { security }) {
    const node = await createLibp2p({ ...stockOptions(security, 'dialler'), services: { http: http() } })
    const dispatcher = node.services.http.dispatcher(multiaddr(endpoint), {
      connections: MAX_STREAMS,
      keepAliveTimeout: KEEP_ALIVE,
      keepAliveMaxTimeout: KEEP_ALIVE
    })
    const call = postTo(dispatcher, 'http://127.0.0.1')
    // A listener aborts a connection on which more than 10 streams come before it is ready: one shows that it is.
    await call(new Uint8Array(1))
    return call
  }
}

/** What @libp2p/http wants of a server: it has read the head of the first request, so that is put back. */
function webServer(server: Server): WebServer {
  return {
    inject({ raw }, stream, connection) {
      const socket = streamToSocket(stream, connection)
      stream.unshift(raw)
      server.emit('connection', socket)
      return Promise.resolve()
    }
  }
}
