import { readFile } from 'node:fs/promises'
import { messageOf, PointSubError } from '../core/errors.ts'
import { id } from './id.ts'
import { send } from './send.ts'
import { serve } from './serve.ts'
import { UsageError } from './usage.ts'

const COMMANDS = { id, send, serve } as const

const HELP = `pointsub - request/response between libp2p peers

  pointsub serve [PROTOCOL]          answer every request with itself (default /echo/1.0.0)
      --listen ADDRESS               where to listen (default /ip4/127.0.0.1/tcp/0); may be given more than once
      --identity FILE                keep the peer id in FILE
  pointsub send ADDRESS PROTOCOL [FILE]
                                     send FILE (default: standard input) and write the answer to standard output
      --timeout MS                   give up after this time (default 30000)
      --identity FILE                act as the peer of FILE
  pointsub id FILE                   print the peer id kept in FILE, made if it is not there

  pointsub --help | --version

Example: pointsub serve            then, with the address it prints:
         echo hello | pointsub send /ip4/127.0.0.1/tcp/PORT/p2p/PEER /echo/1.0.0
`

/** Runs the command line; resolves to the exit code: 0 done, 1 failed, 2 called wrongly. */
export async function main(args: readonly string[]): Promise<number> {
  const [command = '--help', ...rest] = args
  if (command === '--help' || command === '-h') {
    process.stdout.write(HELP)
    return 0
  }
  try {
    if (command === '--version') {
      process.stdout.write(`${await version()}\n`)
    } else if (command === 'id' || command === 'send' || command === 'serve') {
      await COMMANDS[command](rest)
    } else {
      throw new UsageError(`there is no command "${command}"`)
    }
    return 0
  } catch (error) {
    const usage = error instanceof UsageError || (error instanceof TypeError && 'code' in error)
    const code = error instanceof PointSubError ? `${error.code}: ` : ''
    process.stderr.write(`pointsub: ${code}${messageOf(error)}${usage ? '\nTry: pointsub --help' : ''}\n`)
    return usage ? 2 : 1
  }
}

/** What bin/pointsub.js calls. */
export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await main(args)
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const manifest: unknown = JSON.parse(text)
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?'
}
