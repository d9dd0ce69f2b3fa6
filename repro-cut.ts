import { Tampering } from './test/support/faults/tampering.ts'
import { hostSockets } from './test/support/faults/sockets.ts'
const hosts = await Tampering.start(process.argv[5] === 'noise' ? 'noise' : 'tls', 1000)
const [, , direction, fault, n] = process.argv as any
for (let i = 0; i < 5; i++)
for (const at of n.split(',').map(Number)) {
  try {
    const o = await hosts.play([{ direction, fault, at }], 1)
    console.log(JSON.stringify(o[0]))
  } catch (e: any) { console.log(String(e.message).slice(0, 400), hostSockets(), hosts.listener.port) }
}
process.exit()
