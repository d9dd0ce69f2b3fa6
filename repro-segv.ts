import { createHost } from './src/host/index.ts'
const server = await createHost({ security: ['tls'], listen: ['/ip4/127.0.0.1/tcp/0'] })
const host = await createHost({ security: ['tls'] })
for (let i = 0; i < 50; i++) {
  const connection = await host.dial(server.getMultiaddrs()[0]!)
  connection.abort(new Error('no, thanks'))
}
console.log('done')
process.exit()
