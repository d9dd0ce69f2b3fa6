import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { createHost } from '../host/create-host.ts'
import { Client } from '../rpc/client.ts'
import { UsageError } from './usage.ts'

/** `pointsub send ADDRESS PROTOCOL [FILE]` */
export async function send(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { timeout: { type: 'string', default: '30000' }, identity: { type: 'string' } }
  })
  const [address, protocol, file] = positionals
  if (address === undefined || protocol === undefined) throw new UsageError('send needs an ADDRESS and a PROTOCOL')
  const timeout = Number(values.timeout)
  if (!Number.isInteger(timeout) || timeout < 1) throw new UsageError('--timeout is a number of milliseconds')
  const request = file === undefined ? await buffer(process.stdin) : await readFile(file)
  const host = await createHost({ identity: values.identity })
  const client = new Client(host)
  try {
    const answer = await client.send(address, protocol, request, { timeout })
    process.stdout.write(answer)
  } finally {
    await client.close()
    await host.stop()
  }
}
