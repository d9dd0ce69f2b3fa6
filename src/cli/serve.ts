import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { createHost } from '../host/create-host.ts'
import { Server } from '../rpc/server.ts'

/** `pointsub serve`: runs until SIGINT or SIGTERM, then lets running requests finish. */
export async function serve(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      listen: { type: 'string', multiple: true, default: ['/ip4/127.0.0.1/tcp/0'] },
      identity: { type: 'string' }
    }
  })
  const [protocol = '/echo/1.0.0'] = positionals
  const host = await createHost({ listen: values.listen, identity: values.identity })
  const server = new Server(host)
  await server.start(protocol, request => {
    process.stderr.write(`${request.byteLength} bytes\n`)
    return request
  })
  for (const address of host.getMultiaddrs()) process.stdout.write(`${address.toString()} ${protocol}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await server.stop()
  await host.stop()
}
