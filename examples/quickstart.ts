// `npm start`: an echo server and a client, two processes that talk over TCP.
// Usage: npm start [-- FILE]
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

function run(script: string, args: string[], stdio: 'inherit' | 'pipe'): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return spawn(process.execPath, [...process.execArgv, path, ...args], { stdio: [stdio, stdio, 'inherit'] })
}

const server = run('echo-server.ts', [], 'pipe')
if (server.stdout === null || server.stdin === null) throw new Error('the server has no pipes')
const [address] = await Promise.race([
  once(createInterface(server.stdout), 'line'),
  once(server, 'exit').then(() => Promise.reject(new Error('the server did not start')))
])
console.log(`server (process ${server.pid}) listens on ${address}\n`)

const client = run('echo-client.ts', [String(address), ...process.argv.slice(2)], 'inherit')
const [exitCode] = await once(client, 'exit')
server.stdin.end()
await once(server, 'exit')
console.log(exitCode === 0 ? '\nall answers are right' : '\nsomething went wrong')
process.exitCode = exitCode === 0 ? 0 : 1
