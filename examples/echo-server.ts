// Answers every request with itself. Prints its address, and stops when its standard input ends.
import { Server } from 'pointsub'
import { createHost } from 'pointsub/host'

const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
const server = new Server(host)
await server.start('/echo/1.0.0', request => request)
console.log(String(host.getMultiaddrs()[0]))

for await (const _ of process.stdin);
await server.stop()
await host.stop()
