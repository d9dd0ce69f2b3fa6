import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { parseArgs } from 'node:util'
import { loadIdentity } from '../host/identity.ts'
import { UsageError } from './usage.ts'

/** `pointsub id FILE` */
export async function id(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} })
  const [file] = positionals
  if (file === undefined) throw new UsageError('id needs a FILE')
  process.stdout.write(`${peerIdFromPrivateKey(await loadIdentity(file)).toString()}\n`)
}
