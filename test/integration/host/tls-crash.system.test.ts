import type { Connection } from '@libp2p/interface'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { OWN_WAYS, TlsPair } from '../../support/tls/nodes.ts'
import { TcpProxy } from '../../support/tls/proxy.ts'
import { acceptAll, open, type Received, sendAll } from '../../support/tls/streams.ts'
import { turn, until } from '../../support/until.ts'

/** A crash shows in one of some hundred, if at all; this process is the one that would. */
const TIMES = 150
const BODY = randomBody(MIB)
const ENOUGH = new Error('enough')

const aborting = (connection: Connection) => (): void => connection.abort(ENOUGH)

/** Ways to end a connection where OpenSSL, or what runs on it, may be in the midst of something. */
const ENDS: Record<string, (near: Received, dialled: Connection, accepted: Connection, i: number) => unknown> = {
  'while it writes': async (near, dialled, _, i) => {
    near.stream.send(BODY)
    for (let turns = i % 4; turns > 0; turns -= 1) await turn()
    dialled.abort(ENOUGH)
  },
  'while the other side writes': async (near, _, accepted, i) => {
    near.stream.send(BODY)
    for (let turns = i % 4; turns > 0; turns -= 1) await turn()
    accepted.abort(ENOUGH)
  },
  'by both sides at once': ({ stream }, dialled, accepted) => {
    stream.send(BODY)
    accepted.abort(ENOUGH)
    dialled.abort(ENOUGH)
  },
  'while bytes are given out': async ({ stream }, dialled) => {
    stream.addEventListener('message', aborting(dialled))
    stream.send(BODY)
  },
  'when there is room again': async ({ stream }, dialled) => {
    stream.addEventListener('drain', aborting(dialled))
    for (let i = 0; i < 4; i += 1) stream.send(BODY)
  },
  'while it closes': async ({ stream }, dialled, _, i) => {
    stream.send(BODY)
    const closed = dialled.close().catch(() => {})
    for (let turns = i % 4; turns > 0; turns -= 1) await turn()
    dialled.abort(ENOUGH)
    await closed
  }
}

describe.each(OWN_WAYS)('TLS, $dialler to $listener', ways => {
  let pair: TlsPair
  beforeEach(async () => {
    pair = await TlsPair.create(ways)
    await acceptAll(pair.listener, ({ stream }) => {
      stream.addEventListener('message', ({ data }) => {
        if (stream.writeStatus === 'writable') stream.send(data)
      })
    })
  })
  afterEach(async () => pair[Symbol.asyncDispose]())

  it.each(Object.keys(ENDS))(
    `the process survives aborting a connection %s, ${TIMES} times`,
    { timeout: 300_000 },
    async how => {
      for (let i = 0; i < TIMES; i += 1) {
        const { dialled, accepted } = await pair.connect()
        const near = await open(dialled)
        await ENDS[how]?.(near, dialled, accepted, i)
        await pair.disconnected()
        expect([dialled.status, accepted.status]).not.toContain('open')
      }
    }
  )

  it.each(['dialler', 'listener'] as const)(
    `the process survives a %s that aborts a connection as soon as it is there, ${TIMES} times`,
    { timeout: 300_000 },
    async who => {
      pair[who].addEventListener('connection:open', ({ detail }) => detail.abort(ENOUGH))
      for (let i = 0; i < TIMES; i += 1) {
        const dialled = await pair.dialler.dial(addressOf(pair.listener)).catch(() => undefined)
        if (who === 'dialler') dialled?.abort(ENOUGH)
        await pair.disconnected()
      }
    }
  )

  it(`the process survives bad records, ${TIMES} times`, { timeout: 300_000 }, async () => {
    await using proxy = await TcpProxy.before(addressOf(pair.listener))
    for (let i = 0; i < TIMES; i += 1) {
      proxy.change = bytes => bytes
      const { dialled } = await pair.connect(proxy.address())
      const near = await open(dialled)
      await sendAll(near.stream, [randomBody(100)])
      await until(
        'bytes flow',
        () => near.length,
        length => length > 0
      )
      proxy.change = (bytes, side) => (side === (i % 2 === 0 ? 'dialler' : 'listener') ? bytes.fill(0x17) : bytes)
      near.stream.send(randomBody(30_000))
      await pair.disconnected()
    }
  })
})
