// Sends a text, a file and 8 MiB of random bytes to an echo server, and checks what comes back.
// Usage: node examples/echo-client.ts ADDRESS [FILE]
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Client } from 'pointsub'
import { createHost } from 'pointsub/host'

const [address, file = new URL('../README.md', import.meta.url).pathname] = process.argv.slice(2)
if (address === undefined) throw new Error('usage: node examples/echo-client.ts ADDRESS [FILE]')
const content = await readFile(file).catch((error: Error) => {
  console.error(`cannot read ${file}: ${error.message}`)
  process.exit(2)
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const inputs: [name: string, bytes: Uint8Array][] = [
  ['a text', new TextEncoder().encode('Hello from another process. 你好, 世界!')],
  [file, content],
  ['8 MiB of random bytes', randomBytes(8 * 1024 * 1024)]
]

const host = await createHost()
const client = new Client(host)
let mismatches = 0
for (const [name, request] of inputs) {
  const started = performance.now()
  const answer = await client.send(address, '/echo/1.0.0', request)
  const ms = (performance.now() - started).toFixed(1)
  const right = sha256(answer) === sha256(request)
  if (!right) mismatches += 1
  const peer = host.getPeers().join(', ')
  console.log(`${name}\n  answered by ${peer}\n  ${answer.byteLength} bytes in ${ms} ms`)
  console.log(`  sha256 ${sha256(answer)} ${right ? 'is right' : `is WRONG, sent ${sha256(request)}`}`)
}
await client.close()
await host.stop()
process.exitCode = mismatches === 0 ? 0 : 1
