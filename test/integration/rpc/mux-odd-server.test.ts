import { zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Settings } from '../../../src/frame/mux.ts'
import { bytesOf, KIB, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { arrayBufferBytes, arrayBuffersWithin, inMiB } from '../../support/heap.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { watchMost } from '../../support/peers.ts'
import { PlayedServer } from '../../support/played-server.ts'
import { answerOf, bodyOf, largeAnswer, MUX, type RawMuxServer } from '../../support/raw-mux.ts'
import { repeat } from '../../support/rpc.ts'
import { turn, until } from '../../support/until.ts'

const played = new PlayedServer()
beforeAll(() => played.start())
afterAll(() => played.stop())

const settings: Settings = { maxRequests: 10, credit: MIB }

/** Answers every small request with itself. */
function serve({ control }: RawMuxServer): void {
  const answer = (): void => {
    for (const frame of control.frames.splice(0)) {
      if (frame.type === 'request') control.send(answerOf(frame.id, frame.body))
    }
  }
  answer()
  control.stream.addEventListener('message', answer)
}

it('a server that answers a request again and again: one answer is decompressed, and the session fails', () =>
  played.against(
    async ({ control }) => {
      await control.next('request')
      const size = 16 * MIB
      const bomb = answerOf(1, new Uint8Array(zstdCompressSync(new Uint8Array(size))), { encoding: 2, size })
      control.send(...Array.from({ length: 200 }, () => bomb))
    },
    async client => {
      const before = await arrayBufferBytes()
      const memory = watchMost(() => process.memoryUsage().arrayBuffers)
      expect(await failureOf(played.send(client, bytesOf('one')))).toMatchObject({
        code: 'ERR_INVALID_FRAME',
        sent: true
      })
      expect(inMiB(memory.stop() - before)).toBeLessThan(100)
    },
    { server: { settings } }
  ))

it('a server that never gives credit: large calls fail after writeTimeout, small ones go on', () =>
  played.against(
    serve,
    async client => {
      expect(textOf(await played.send(client, bytesOf('small')))).toBe('small')
      const large = failureOf(played.send(client, randomBody(MIB)))
      expect(textOf(await played.send(client, bytesOf('small')))).toBe('small')
      expect(await large).toMatchObject({ code: 'ERR_TIMEOUT', sent: false })
      expect(textOf(await played.send(client, bytesOf('small')))).toBe('small')
    },
    { server: { settings: { maxRequests: 10 } }, client: { writeTimeout: 300 } }
  ))

it('a server that gives little credit at a time gets no more than that', () =>
  played.against(
    async ({ control, data }) => {
      const stream = await data
      const { id } = await stream.next('request')
      let given = 1_000
      let come = 0
      for (;;) {
        const { bytes, last } = await stream.next('body')
        come += bytes.byteLength
        expect(come).toBeLessThanOrEqual(given)
        if (last) break
        if (come < given) continue
        given += 40_000
        control.send({ type: 'credit', bytes: 40_000 })
      }
      control.send(answerOf(id, bytesOf(`${come} bytes`)))
    },
    async client => {
      expect(textOf(await played.send(client, randomBody(300 * KIB)))).toBe(`${300 * KIB} bytes`)
    },
    { server: { settings: { maxRequests: 10, credit: 1_000 } } }
  ))

it('a server that takes one request of 10 bytes at a time gets no more', () => {
  let most = 0
  let inFlight = 0
  return played.against(
    async ({ control }) => {
      for (let count = 0; count < 20; count += 1) {
        const { id, body } = await control.next('request')
        inFlight = control.frames.filter(({ type }) => type === 'request').length - count
        most = Math.max(most, inFlight)
        control.send(answerOf(id, body))
      }
    },
    async client => {
      // What leaves before the HELLO is there is bounded by the default, so that comes first.
      await played.send(client, bytesOf('the first'))
      await repeat(19, 19, async index => {
        expect(textOf(await played.send(client, bytesOf(`call ${index}`)))).toBe(`call ${index}`)
      })
      expect(most).toBe(1)
      const refused = await failureOf(played.send(client, bytesOf('eleven byte')))
      expect(refused).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', sent: false })
    },
    { server: { settings: { maxRequests: 1, maxBody: 10, credit: 0 } } }
  )
})

it('a server that goes away at once each time: a call fails after a few sessions, unsent or refused', () => {
  let sessions = 0
  return played.against(
    ({ control }) => {
      sessions += 1
      control.send({ type: 'goaway', reason: 0 })
      const refuse = (): void => {
        for (const frame of control.frames.splice(0)) {
          if (frame.type !== 'request') continue
          const rest = { retryAfter: 0, message: 'no', details: undefined }
          const { id } = frame
          control.send({ type: 'error', id, retryable: true, notProcessed: true, code: 'ERR_SERVER_CLOSED', ...rest })
        }
      }
      refuse()
      control.stream.addEventListener('message', refuse)
    },
    async client => {
      const failure = await failureOf(played.send(client, bytesOf('one')))
      expect(failure).toMatchObject({ sent: false, code: 'ERR_SERVER_CLOSED' })
      expect(sessions).toBeLessThanOrEqual(3)
    },
    { server: { settings } }
  )
})

it('a server that begins answers and then fails them: nothing is kept of those', () =>
  played.against(
    async ({ control, data }) => {
      control.send({ type: 'want' })
      const stream = await data
      for (let count = 0; count < 30; count += 1) {
        const { id } = await control.next('request')
        stream.send(largeAnswer(id, 4 * MIB), bodyOf(id, new Uint8Array(300 * KIB)))
        await until(
          'credit comes for it',
          () => control.frames.reduce((sum, frame) => sum + (frame.type === 'credit' ? frame.bytes : 0), 0),
          credit => credit > count * 300 * KIB
        )
        const rest = { retryable: false, notProcessed: false, retryAfter: 0, details: undefined }
        control.send({ type: 'error', id, code: 'ERR_LATER', message: 'not now', ...rest })
      }
    },
    async client => {
      const before = await arrayBufferBytes()
      for (let count = 0; count < 30; count += 1) {
        expect(await failureOf(played.send(client, bytesOf('one')))).toMatchObject({ code: 'ERR_LATER', remote: true })
      }
      await arrayBuffersWithin(20 * MIB, before)
    },
    { server: { settings } }
  ))

it('a server that asks for a data stream 10,000 times gets one', () => {
  let most = 0
  return played.against(
    async ({ control, data }) => {
      const { id } = await control.next('request')
      for (let round = 0; round < 10; round += 1) {
        control.send(...Array.from({ length: 1_000 }, () => ({ type: 'want' }) as const))
        await turn()
        most = Math.max(most, streamsOf(MUX, played.pair.client).length)
      }
      await data
      control.send(answerOf(id, bytesOf('enough')))
    },
    async client => {
      expect(textOf(await played.send(client, bytesOf('one')))).toBe('enough')
      expect(streamsOf(MUX, played.pair.client)).toHaveLength(2)
      expect(most).toBeLessThanOrEqual(2)
    },
    { server: { settings } }
  )
})

it('a server that never reads: what callers have given up is not kept for it, and the session ends', () =>
  played.against(
    ({ control }) => {
      control.stream.maxReadBufferLength = 64 * MIB
      control.stream.pause()
    },
    async client => {
      const before = await arrayBufferBytes()
      const sendSome = (): Promise<void> =>
        repeat(500, 100, async () => {
          const failure = await failureOf(played.send(client, randomBody(100 * KIB), { timeout: 20 }))
          expect(failure.code).toMatch(/^ERR_(TIMEOUT|STREAM_RESET|STREAM_CLOSED)$/)
        })
      await sendSome()
      await arrayBuffersWithin(10 * MIB, before)
      await until(
        'the session is given up',
        () => client.getConnectionsInfo().length,
        sessions => sessions === 0
      )
    },
    { server: { settings: { maxRequests: 1_000 } }, client: { readTimeout: 1_000 } }
  ))
