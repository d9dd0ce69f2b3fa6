import { PointSubError } from '../../src/index.ts'
import type { ClientSession } from '../../src/mux/client-session.ts'
import type { MemoryStream } from './memory-stream.ts'
import { type Ending, ModelCall, ModelHandler, type Operation, type SendOperation } from './mux-model.ts'
import { MuxRig } from './mux-rig.ts'
import { Random } from './random.ts'
import { turn, until } from './until.ts'
import { WireWatch } from './wire-watch.ts'

export interface ScenarioOptions {
  readonly seed: number
  readonly maxConcurrentRequestsPerConn: number
  readonly maxRequestsPerConn: number
  readonly enableCompression: boolean
}

interface Held {
  readonly session: ClientSession
  readonly streams: MemoryStream[]
  readonly connection: { status: string }
  readonly calls: ModelCall[]
  ending: Ending
}

/** Two real ends of the wire, and all that happens between them; throws when something is not as it should be. */
export async function play(operations: readonly Operation[], options: ScenarioOptions): Promise<void> {
  const { seed, maxConcurrentRequestsPerConn, maxRequestsPerConn, enableCompression } = options
  const random = new Random(seed)
  const calls = new Map<number, ModelCall>()
  const handler = new ModelHandler(calls)
  const limits = { maxConcurrentRequestsPerConn, maxRequestsPerConn, enableCompression }
  const rig = new MuxRig({
    handler: handler.handle,
    serverOptions: limits,
    clientOptions: { enableCompression }
  })
  const all: Held[] = []
  const broken: string[] = []

  const current = (): Held => {
    const last = all.at(-1)
    if (last?.session.isOpen === true) return last
    const connection = { status: 'open' }
    const streams: MemoryStream[] = []
    const asked: ModelCall[] = []
    const watch = WireWatch.session(broken, () => asked.length)
    const open = (): MemoryStream => {
      const near = rig.open(random, connection)
      watch(near)
      streams.push(near)
      return near
    }
    const session = rig.session(open, connection)
    const ending: Ending = maxRequestsPerConn < 1_000 ? 'gracefully' : 'not at all'
    const held = { session, streams, connection, calls: asked, ending }
    all.push(held)
    return held
  }

  const send = (operation: SendOperation): void => {
    const call = new ModelCall(calls.size + 1, operation)
    calls.set(call.tag, call)
    const held = current()
    held.calls.push(call)
    const { request: body, pairs: metadata, cancellation } = call
    const settle = (outcome: Uint8Array | PointSubError): void => {
      if (call.outcome !== undefined) broken.push(`call ${call.tag} ended twice`)
      call.outcome = outcome
      cancellation[Symbol.dispose]()
    }
    held.session
      .request({ body, metadata, onMetadata: pairs => call.metadata.push(pairs) }, cancellation)
      .then(settle, (error: unknown) => {
        if (error instanceof PointSubError) settle(error)
        else broken.push(`call ${call.tag} failed with ${String(error)}`)
      })
  }

  const disturb = (kind: Operation['kind']): void => {
    const held = current()
    if (kind !== 'server stops') held.ending = 'at once'
    else if (held.ending === 'not at all') held.ending = 'gracefully'
    const reason = new PointSubError('ERR_CLIENT_CLOSED', 'the model has closed it')
    const served = [...rig.served].filter(({ conn }) => held.streams.some(({ otherEnd }) => otherEnd === conn.stream))
    if (kind === 'client closes') void held.session.close(reason)
    if (kind === 'server stops') for (const stream of served) stream.stop()
    if (kind === 'server kills') for (const stream of served) stream.kill(reason)
    if (kind === 'connection breaks') {
      held.connection.status = 'closed'
      for (const stream of held.streams) for (const each of [stream, stream.otherEnd]) each.cut()
    }
  }

  for (const operation of operations) {
    if (operation.kind === 'send') send(operation)
    else if (operation.kind === 'cancel') [...calls.values()].at(-1 - operation.number)?.cancel()
    else if (operation.kind === 'let answer') handler.letOne(operation.number)
    else if (operation.kind === 'turns') for (let count = 0; count < operation.number; count += 1) await turn()
    else disturb(operation.kind)
  }

  handler.letAll()
  await until(
    'every call ends',
    () =>
      [...calls.values()].filter(({ outcome }) => outcome === undefined).map(({ tag, handled }) => ({ tag, handled })),
    open => open.length === 0
  )
  for (const { session } of all) void session.close(new PointSubError('ERR_CLIENT_CLOSED', 'the model is over'))
  await rig.nothingLeft()
  await until(
    'the streams of the clients are gone, too',
    () => all.flatMap(({ streams }) => streams).filter(({ status }) => status === 'open').length,
    open => open === 0,
    { within: 4_000 }
  )
  const wrong = all.flatMap(held =>
    held.calls.flatMap(call => {
      const what = call.check(held.ending)
      return what === undefined ? [] : [`call ${call.tag} (${call.operation.deed}): ${what}`]
    })
  )
  wrong.push(...broken, ...handler.wrong)
  // Neither side breaks a rule; but a data stream may come to a session that has just ended.
  const violations = rig.failures.filter(({ code }) => code === 'ERR_INVALID_FRAME').map(({ message }) => message)
  wrong.push(...violations.filter(message => !message.includes('of no session')))
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}
