/** The program of a process whose listeners throw; see same-as-node-exceptions.test.ts. */
import { bothNets, type Nets } from './nets.ts'
import { awhile, closed, happens, type Log, type Pair, Play } from './play.ts'

/** What the program tells its parent. */
export interface ThrownLogs {
  node: Log
  ours: Log
}

function throwing(where: string): () => never {
  return () => {
    throw new Error(`thrown in ${where}`)
  }
}

/** A socket goes through its life although a listener of one of these throws. */
const SURVIVED = ['data', 'close']

/** What throws here comes between Node and the rest of its work: the socket stays as it is. */
const INTERRUPTED = ['connect', 'end', 'finish']

async function throwInListener(play: Play, event: string): Promise<void> {
  const { port } = await play.listen(accepted => {
    accepted.write('hello')
    accepted.once('data', () => accepted.end())
  })
  const socket = play.connect(port)
  socket.once('data', () => socket.write('that will do'))
  const channel = `throws in '${event}'`
  for (const each of [...SURVIVED, ...INTERRUPTED, 'ready', 'error']) socket.on(each, () => play.note(channel, each))
  // Its listener has to come before the one that throws.
  const over = happens(socket, INTERRUPTED.includes(event) ? event : 'close')
  socket.on(event, throwing(`'${event}'`)).resume()
  await over
  await awhile()
  play.note(channel, 'then', socket.readyState, socket.destroyed)
}

async function throwInCallback(play: Play): Promise<void> {
  const calls: Record<string, (pair: Pair, callback: () => never) => unknown> = {
    'write()': ({ socket }, callback) => socket.write('x', callback),
    'end()': ({ socket }, callback) => socket.end(callback),
    'getConnections()': ({ server }, callback) => server.getConnections(callback),
    'close()': ({ server, socket }, callback) => {
      server.close(callback)
      socket.destroy()
    }
  }
  for (const [name, call] of Object.entries(calls)) {
    const pair = await play.pair()
    play.logEvents(name, pair.socket.resume(), ['finish', 'error', 'close'])
    pair.accepted.resume()
    call(pair, throwing(`the callback of ${name}`))
    await awhile()
    play.note(name, pair.socket.readyState, pair.socket.destroyed)
  }
}

async function throwInServer(play: Play): Promise<void> {
  const server = play.createServer({}, throwing("'connection'"))
  server.on('error', () => play.note('server', 'error'))
  const listening = play.listening(server)
  server.on('listening', throwing("'listening'"))
  const socket = play.connect(await listening)
  play.logEvents('refused by an exception', socket, ['connect', 'ready', 'end', 'error', 'close'])
  await happens(socket, 'ready')
  await awhile()
  play.note('refused by an exception', socket.readyState)
}

async function throwInTimeout(play: Play): Promise<void> {
  const { socket } = await play.pair()
  const timedOut = happens(socket, 'timeout')
  socket.setTimeout(20, throwing("'timeout'"))
  await timedOut
  await awhile()
  play.note('timeout', socket.readyState)
}

/** Not a byte is lost to what a listener throws in between. */
async function throwWhileMuchComes(play: Play): Promise<void> {
  const { port } = await play.listen(accepted => accepted.end(Buffer.alloc(1_700_000)))
  let thrown = 0
  let bytes = 0
  const count = (more: number): void => {
    bytes += more
    thrown += 1
    if (thrown < 4) throw new Error('thrown while much comes')
  }
  const socket = play.connect(port).on('data', (data: Buffer) => count(data.byteLength))
  await happens(socket, 'close')
  play.note('much', bytes)
  bytes = 0
  thrown = 0
  const onread = { buffer: Buffer.alloc(50_000), callback: (more: number): boolean => (count(more), true) }
  await happens(play.connect(port, { onread }), 'close')
  play.note('much by onread', bytes)
}

/** An 'error' nobody listens to is an exception as well. */
async function unheardErrors(play: Play): Promise<void> {
  const refused = play.connect(await play.deserted())
  await closed(refused)
  const reset = await play.pair()
  reset.accepted.resetAndDestroy()
  await closed(reset.socket)
  const own = await play.pair()
  own.socket.destroy(new Error('my own'))
  await closed(own.socket)
}

async function throwInErrorListener(play: Play): Promise<void> {
  const socket = play.connect(await play.deserted())
  play.logEvents('error', socket, ['error', 'close'])
  const failed = happens(socket, 'error')
  socket.on('error', throwing("'error'"))
  await failed
  await awhile()
  play.note('error', socket.readyState, socket.destroyed)
}

/** All the ways to throw, one after the other. */
async function logOf(nets: Nets): Promise<Log> {
  const play = new Play(nets)
  const onUncaught = (error: Error): void => play.note('uncaught', error)
  const onRejection = (error: unknown): void => play.note('unhandled rejection', error)
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onRejection)
  for (const event of [...SURVIVED, ...INTERRUPTED]) await throwInListener(play, event)
  for (const scenario of [
    throwInCallback,
    throwInServer,
    throwWhileMuchComes,
    throwInTimeout,
    unheardErrors,
    throwInErrorListener
  ]) {
    await scenario(play)
  }
  await awhile()
  process.off('uncaughtException', onUncaught).off('unhandledRejection', onRejection)
  return play.log
}

const both = await bothNets()
const [, , only] = process.argv
if (only === 'node' || only === 'ours') {
  // Nobody catches this: it is to end the process.
  await throwInListener(new Play(both[only]), 'data')
} else {
  try {
    const logs: ThrownLogs = { node: await logOf(both.node), ours: await logOf(both.ours) }
    process.send?.(logs, () => process.exit(0))
  } catch (error) {
    console.error(error)
    process.exit(2)
  }
}
