import type { EventEmitter } from 'node:events'
import { once } from 'node:events'
import type { AddressInfo, Server, ServerOpts, Socket } from 'node:net'
import type { Nets } from './nets.ts'

/** Something that listens; its end ends the sockets it accepted. */
export interface Serving extends AsyncDisposable {
  readonly port: number
  readonly server: Server
  /** The accepted sockets that are still open. */
  readonly sockets: ReadonlySet<Socket>
}

/** Listens on a free port and hands every socket to `accept`. */
export async function serve(
  { server: net }: Pick<Nets, 'server'>,
  accept: (socket: Socket) => void,
  options: ServerOpts = {}
): Promise<Serving> {
  const sockets = new Set<Socket>()
  const server = net.createServer(options, socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    accept(socket)
  })
  server.listen(0)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    server,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
    }
  }
}

/** Listens for a server of another protocol, as its users do: by its 'connection' event. */
export function serveBy(
  nets: Pick<Nets, 'server'>,
  upper: Pick<EventEmitter, 'emit'>,
  options: ServerOpts = {}
): Promise<Serving> {
  // Without it Nagle and delayed acknowledgements cost 40 ms a request; node:http sets it on its own sockets too.
  return serve(nets, socket => upper.emit('connection', socket), { noDelay: true, ...options })
}
