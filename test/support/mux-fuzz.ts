import type { Connection, Stream } from '@libp2p/interface'
import { expect } from 'vitest'
import { Cancellation } from '../../src/core/cancellation.ts'
import type { ClientSession } from '../../src/mux/client-session.ts'
import { type Handler, PointSubError } from '../../src/index.ts'
import { MIB, randomBody, sameBytes } from './bytes.ts'
import { bytesInUse, inMiB } from './heap.ts'
import { nothingLeft } from './leftovers.ts'
import { MemoryStream } from './memory-stream.ts'
import { clientConversation, type Conversation, DEEDS, mutate, serverConversation } from './mux-conversation.ts'
import { MuxRig } from './mux-rig.ts'
import { Random } from './random.ts'
import { RawStream } from './raw.ts'
import { MUX, RawMuxStream } from './raw-mux.ts'
import { Rpc } from './rpc.ts'
import { turn, until, within } from './until.ts'

const BATCH = 100
/** For calls that may never be answered, in ms. */
const TIMEOUT = 150
/** For honest calls beside a hundred attacks on a busy machine; what attacks leave unfinished they end themselves. */
const PATIENCE = 3_000
const MUCH = new Uint8Array(300_000).fill(7)

/** Does what the first byte of a request says. */
const obedient: Handler = async (request, { signal }) => {
  const deed = DEEDS[request[0] ?? 0]
  if (deed === 'fail') throw new Error('as I was told')
  if (deed === 'answer later') await turn()
  if (deed === 'wait for the signal' && !signal.aborted) {
    await new Promise(resolve => signal.addEventListener('abort', resolve))
  }
  return deed === 'answer much' ? MUCH : request
}

/** Mistakes of the package that pass for those of its peer. */
function checkNoMistake(error: PointSubError): void {
  const { cause } = error
  if (cause instanceof TypeError || cause instanceof ReferenceError || cause instanceof RangeError) throw cause
}

/** Sends both lists, now some of one, now some of the other. */
async function say(
  random: Random,
  control: Stream,
  said: Conversation,
  open: () => Stream | undefined | Promise<Stream>
): Promise<void> {
  let data: Stream | undefined
  // A data stream before its session has its test elsewhere: most should get further than that.
  const isEarly = random.chance(0.05)
  const [first, second] = [[...said.control], [...said.data]]
  for (let count = 0; first.length + second.length > 0; count += 1) {
    const isControl = second.length === 0 || (first.length > 0 && (random.chance(0.6) || (count === 0 && !isEarly)))
    const frames = isControl ? first : second
    const bytes = Buffer.concat(frames.splice(0, 1 + random.below(3)))
    if (!isControl && data === undefined) {
      if (control.status !== 'open' && !isEarly) return
      for (let turns = isEarly ? 0 : 5; turns > 0; turns -= 1) await turn()
      data = await open()
    }
    const stream = isControl ? control : data
    if (stream?.writeStatus === 'writable' && bytes.byteLength > 0) stream.send(new Uint8Array(bytes))
    if (random.chance(0.3)) await turn()
  }
}

/** Ends streams in one of three ways; whatever that is, they are gone afterwards. */
async function end(random: Random, streams: readonly Stream[], whatElse: () => Promise<unknown>): Promise<void> {
  const ending = random.pick(['fin', 'reset', 'reset', 'silence'])
  for (const stream of streams) {
    if (ending === 'fin' && stream.status === 'open') stream.close().catch(() => {})
    if (ending === 'reset') stream.abort(new Error('hostile'))
  }
  await whatElse()
  for (const stream of streams) stream.abort(new Error('enough'))
}

/** A client that says something like what a client says. */
async function attackServer(rig: MuxRig, seed: number): Promise<void> {
  const random = new Random(seed)
  const said = clientConversation(random, random.bytes(8))
  mutate(random, said)
  const cuts = random.chance(0.5) ? random : undefined
  const streams = [rig.open(cuts)]
  const [control] = streams
  if (control === undefined) return
  await say(random, control, said, () => {
    const data = rig.open(cuts)
    streams.push(data)
    return data
  })
  await end(random, streams, turn)
}

/** {@link attackServer} through a real host. */
async function attackHost(rpc: Rpc, connection: Connection, seed: number): Promise<void> {
  const random = new Random(seed)
  const said = clientConversation(random, random.bytes(8))
  mutate(random, said)
  const open = async (): Promise<Stream> => (await RawStream.open(connection, MUX)).stream
  const control = await open()
  const streams = [control]
  await say(random, control, said, async () => {
    const data = await open()
    streams.push(data)
    return data
  })
  await end(random, streams, turn)
  for (const { error } of rpc.failures) checkNoMistake(error)
}

async function ask(session: ClientSession, body: Uint8Array, timeout: number): Promise<Uint8Array | PointSubError> {
  using cancellation = new Cancellation({ timeout }, 'the call')
  const request = { body, metadata: undefined, onMetadata: undefined }
  const [outcome] = await Promise.allSettled([session.request(request, cancellation)])
  if (outcome.status === 'fulfilled') return outcome.value
  const { reason } = outcome
  if (!(reason instanceof PointSubError)) throw reason
  return reason
}

/** A server that says something like what a server says: every call ends, and so do the streams. */
async function attackClient(rig: MuxRig, seed: number): Promise<void> {
  const random = new Random(seed)
  const cuts = random.chance(0.5) ? random : undefined
  const calls = 1 + random.below(5)
  const opened: MemoryStream[] = []
  const far: MemoryStream[] = []
  const connection = { status: 'open' }
  const session = rig.session(() => {
    const [near, remote] = MemoryStream.pair(MUX, cuts)
    opened.push(near)
    far.push(remote)
    return near
  }, connection)
  const answers = Array.from({ length: calls }, () =>
    ask(session, random.chance(0.2) ? randomBody(300_000) : new Uint8Array(10), TIMEOUT)
  )
  const [control] = far
  if (control === undefined) throw new Error('a session opens its control stream at once')
  const { token } = await new RawMuxStream(control).next('hello')
  const said = serverConversation(random, token, calls)
  mutate(random, said)
  await say(random, control, said, () => far[1])
  await end(random, far, async () => {
    for (const answer of await within(5_000, 'the calls end', Promise.all(answers))) {
      if (answer instanceof PointSubError) checkNoMistake(answer)
    }
  })
  const reason = new PointSubError('ERR_CLIENT_CLOSED', 'the test is over')
  await within(5_000, 'the session ends', session.close(reason))
  await until(
    'its streams are gone',
    () => opened.map(({ status }) => status),
    states => states.every(status => status !== 'open')
  )
}

/** Runs `attack` for each of so many seeds, some at a time, beside a session of honest calls. */
async function fuzz(cases: number, first: number, attack: (rig: MuxRig, seed: number) => Promise<void>): Promise<void> {
  const rig = new MuxRig({
    handler: obedient,
    serverOptions: { readTimeout: PATIENCE, writeTimeout: PATIENCE, idleTimeout: 60_000 },
    clientOptions: { readTimeout: 10_000 }
  })
  const honest = rig.session()
  let before: number | undefined
  for (let done = 0; done < cases; done += BATCH) {
    rig.failures.length = 0
    const seeds = Array.from({ length: Math.min(BATCH, cases - done) }, (_, index) => first + done + index)
    const attacks = seeds.map(seed =>
      attack(rig, seed).catch((cause: unknown) => {
        throw new Error(`with the seed ${seed}: ${String(cause)}`, { cause })
      })
    )
    const body = randomBody(done % 3 === 0 ? 300_000 : 100)
    body[0] = 0
    const answer = await ask(honest, body, 10_000)
    await Promise.all(attacks)
    expect(answer instanceof Uint8Array && sameBytes(answer, body), `beside the seeds from ${first + done}`).toBe(true)
    for (const failure of rig.failures) checkNoMistake(failure)
    await rig.nothingLeft(2).catch((cause: unknown) => {
      throw new Error(`after the seeds from ${first + done}: ${String(cause)}`, { cause })
    })
    before ??= await bytesInUse()
  }
  await honest.close(new PointSubError('ERR_CLIENT_CLOSED', 'the test is over'))
  await rig.nothingLeft()
  const grown = (await bytesInUse()) - (before ?? 0)
  expect(grown, `${inMiB(grown)} MiB`).toBeLessThan(5 * MIB)
}

/** So many mutated conversations of clients with one service; a failure tells the seed. */
export function fuzzServer(cases: number, first = 0): Promise<void> {
  return fuzz(cases, first, attackServer)
}

/** So many sessions of clients with servers whose conversations are mutated. */
export function fuzzClient(cases: number, first = 0): Promise<void> {
  return fuzz(cases, first, attackClient)
}

/** {@link fuzzServer} over TCP, some conversations at a time on one connection. */
export async function fuzzHost(cases: number, first = 0): Promise<void> {
  const serverOptions = { readTimeout: PATIENCE, writeTimeout: PATIENCE }
  await using rpc = await Rpc.create({ handler: obedient, serverOptions, clientOptions: { wire: 'mux' } })
  const connection = await rpc.pair.connect()
  for (let done = 0; done < cases; done += BATCH) {
    const seeds = Array.from({ length: Math.min(BATCH, cases - done) }, (_, index) => first + done + index)
    rpc.failures.length = 0
    const body = randomBody(300_000)
    body[0] = 0
    const [answer] = await Promise.all([rpc.send(body), ...seeds.map(seed => attackHost(rpc, connection, seed))])
    expect(sameBytes(answer, body), `beside the seeds from ${first + done}`).toBe(true)
    await until(
      `nothing is left after the seeds from ${first + done}`,
      () => [rpc.server.activeStreams, rpc.server.getMetrics().activeRequests],
      ([streams = 0, requests]) => streams <= 2 && requests === 0
    )
  }
  await rpc.client.close()
  await nothingLeft(MUX, rpc.pair.both)
}
