import { PointSubError } from '../../../src/index.ts'
import { MIB, randomBody } from '../../support/bytes.ts'
import { answerOf } from '../../support/raw-mux.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { notNow } from '../../support/wires.ts'
import { arrived, type FaultRow, never } from './fault-rows.ts'

/** What a peer does not take, says or gets wrong: the lines of the fault table where the wires differ most. */
export const REFUSAL_ROWS: readonly FaultRow[] = [
  {
    what: 'the server handles as many requests as it takes on',
    plain: ['ERR_STREAM_RESET', true, 'idempotent'],
    mux: ['ERR_OVERLOADED', false, 'always', 'remote'],
    server: { maxConcurrentRequests: 1 },
    before: async scene => {
      await scene.serve(never)
      const aborter = new AbortController()
      const given = scene.client.send(scene.address, PROTOCOL, Uint8Array.of(1), { signal: aborter.signal })
      await arrived(scene)
      // Its handler goes on for ever, whoever has given it up.
      aborter.abort()
      await Promise.allSettled([given])
    }
  },
  {
    what: 'the server has no memory for the request',
    plain: ['ERR_STREAM_RESET', true, 'idempotent'],
    mux: ['ERR_MEMORY_LIMIT', false, 'always', 'remote'],
    server: { maxMemoryUsage: MIB },
    request: randomBody(2 * MIB),
    before: scene => scene.serve(request => request)
  },
  {
    what: 'the request is larger than the server takes',
    plain: ['ERR_STREAM_RESET', true, 'idempotent'],
    mux: ['ERR_MESSAGE_TOO_LARGE', false, 'never', 'remote'],
    server: { maxBlockSize: 100 },
    request: randomBody(101),
    before: scene => scene.serve(request => request)
  },
  {
    what: 'the handler throws an error that another try may not meet',
    plain: ['ERR_NO_RESPONSE', true, 'idempotent'],
    mux: ['ERR_NOT_NOW', true, 'idempotent', 'remote'],
    before: scene => scene.serve(() => Promise.reject(notNow()))
  },
  {
    what: 'the handler throws an error that is final',
    plain: ['ERR_NO_RESPONSE', true, 'idempotent'],
    mux: ['ERR_NO_SUCH_KEY', true, 'never', 'remote'],
    before: scene =>
      scene.serve(() => Promise.reject(new PointSubError('ERR_NO_SUCH_KEY', 'no such key', { retryable: false })))
  },
  {
    what: 'the handler throws an error that says nothing of another try',
    plain: ['ERR_NO_RESPONSE', true, 'idempotent'],
    mux: ['ERR_NO_SUCH_KEY', true, 'never', 'remote'],
    before: scene => scene.serve(() => Promise.reject(new PointSubError('ERR_NO_SUCH_KEY', 'no such key')))
  },
  {
    what: 'the server goes away in the middle of the call, and ends the stream without an answer',
    mux: ['ERR_NO_RESPONSE', true, 'idempotent'],
    before: scene =>
      scene.serveMux(async ({ control }) => {
        await control.next('request')
        control.send({ type: 'goaway', reason: 0 })
        await control.stream.close()
      })
  },
  {
    what: 'every session of the server goes away before it takes the request',
    mux: ['ERR_SERVER_CLOSED', false, 'always', 'remote'],
    before: scene =>
      scene.serveMux(async ({ control }) => {
        const { id } = await control.next('request')
        const error = { code: 'ERR_SERVER_CLOSED', message: 'no more', details: undefined, retryAfter: 0 }
        control.send({ type: 'goaway', reason: 1 })
        control.send({ type: 'error', id, ...error, retryable: true, notProcessed: true })
      })
  },
  {
    what: 'the data stream is lost in the middle of a large request',
    mux: ['ERR_STREAM_RESET', true, 'idempotent'],
    request: randomBody(2 * MIB),
    before: scene =>
      scene.serveMux(async ({ data }) => {
        const { stream, ...frames } = await data.then(raw => ({ stream: raw.stream, next: raw.next('body') }))
        await frames.next
        stream.abort(new Error('lost'))
      })
  },
  {
    what: 'the data stream is lost in the middle of a large answer',
    mux: ['ERR_STREAM_RESET', true, 'idempotent'],
    before: scene =>
      scene.serveMux(async ({ control, data }) => {
        const { id } = await control.next('request')
        control.send({ type: 'want' })
        const raw = await data
        raw.send(answerOf(id, new Uint8Array(0), { large: true, size: 2 * MIB }))
        raw.send({ type: 'body', id, bytes: new Uint8Array(1_000), last: false })
        raw.stream.abort(new Error('lost'))
      })
  },
  {
    what: 'the peer sends what is no frame',
    mux: ['ERR_INVALID_FRAME', true, 'never'],
    before: scene =>
      scene.serveMux(async ({ control }) => {
        await control.next('request')
        control.send(Uint8Array.of(0, 0, 0, 1, 99))
      })
  },
  {
    what: 'the answer cannot be decoded',
    mux: ['ERR_INVALID_FRAME', true, 'never'],
    before: scene =>
      scene.serveMux(async ({ control }) => {
        const { id } = await control.next('request')
        control.send(answerOf(id, new Uint8Array(50).fill(255), { encoding: 1, size: 100 }))
      })
  },
  {
    what: 'the peer says nothing at all',
    plain: ['ERR_TIMEOUT', true, 'idempotent'],
    mux: ['ERR_TIMEOUT', true, 'idempotent'],
    options: { readTimeout: 100 },
    before: scene => scene.serveRaw(never)
  }
]
