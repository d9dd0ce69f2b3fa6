/** The program of a process that only its host keeps up; see held-process.ts. */
import { multiaddr } from '@multiformats/multiaddr'
import { createHost, type HostOptions } from '../../src/host/index.ts'
import { Client, Server } from '../../src/index.ts'
import { ANSWERED, type Answer, type Command, ECHO } from './held-roles.ts'

/** libp2p's queues tell that they are empty a millisecond later; whatever lasts longer than this counts. */
const SETTLE = 50

// The parent is gone: so is the reason to be here.
process.on('disconnect', () => process.exit(0))
const early: Command[] = []
let obey = (command: Command): void => void early.push(command)
process.on('message', (command: Command) => obey(command))
// What the parent may still say must not keep this process up.
process.channel?.unref()

const options: HostOptions = JSON.parse(process.argv[2] ?? '{}')
const host = await createHost(options)
const client = new Client(host)
const server = new Server(host)
const releases: (() => void)[] = []

async function look(): Promise<string[]> {
  await new Promise(resolve => setTimeout(resolve, SETTLE))
  // The standard streams and the channel to the parent are listed, but hold nothing.
  return process.getActiveResourcesInfo().filter(resource => resource !== 'PipeWrap')
}

async function carryOut(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'unref':
      return host.unref()
    case 'unref-twice-and-ref':
      host.unref()
      host.unref()
      return host.ref()
    case 'hold-twice-and-unref':
      releases.push(host.hold(), host.hold())
      return host.unref()
    case 'release-one-twice':
      releases[0]?.()
      return releases[0]?.()
    case 'release-the-other':
      return releases[1]?.()
    case 'stop':
      return host.stop()
    case 'restart':
      await host.stop()
      return host.start()
    case 'serve':
      return server.start(ECHO, request => request)
    case 'stop-serving':
      return server.stop()
    case 'dial':
      return host.dial(multiaddr(command.address))
    case 'call':
      return client.send(command.address, ECHO, Uint8Array.of(1))
    case 'begin-call':
      client.send(command.address, ECHO, Uint8Array.of(1)).then(
        () => process.send?.(ANSWERED),
        (error: unknown) => process.send?.(String(error))
      )
      return undefined
    default:
      throw new Error('no such command')
  }
}

function answer(rest: Partial<Answer>): void {
  process.send?.({ addresses: host.getMultiaddrs().map(String), ...rest })
}

async function obeyAndAnswer(command: Command): Promise<void> {
  try {
    if (command.do === 'look') return answer({ holding: await look() })
    await carryOut(command)
    answer({})
  } catch (error) {
    answer({ failure: String(error) })
  }
}

obey = command => void obeyAndAnswer(command)
answer({})
for (const command of early) obey(command)
