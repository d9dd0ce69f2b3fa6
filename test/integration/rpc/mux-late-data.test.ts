import { expect, it } from 'vitest'
import { Cancellation } from '../../../src/core/cancellation.ts'
import { resolveOptions } from '../../../src/core/option-table.ts'
import { OPTIONS } from '../../../src/core/options.ts'
import type { Conn } from '../../../src/conn/conn.ts'
import { PointSubError } from '../../../src/index.ts'
import { ClientSession } from '../../../src/mux/client-session.ts'
import { KIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { memoryConn, MemoryStream } from '../../support/memory-stream.ts'
import { MUX, RawMuxStream } from '../../support/raw-mux.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'

it('a data stream that is there when its session has ended meanwhile is given up', async () => {
  const connection = { status: 'open' }
  const [near, far] = MemoryStream.pair(MUX)
  const opening = Promise.withResolvers<Conn>()
  const session = new ClientSession(memoryConn(near, connection), {
    options: resolveOptions(OPTIONS.client, {}, 'test'),
    protocol: PROTOCOL,
    openData: () => opening.promise,
    onClosed: () => {}
  })
  const server = new RawMuxStream(far)
  const { token } = await server.next('hello')
  server.send({ type: 'hello', stream: 'control', token, settings: {} })
  const cancellation = new Cancellation({}, 'the call')
  const call = failureOf(
    session.request({ body: randomBody(300 * KIB), metadata: undefined, onMetadata: undefined }, cancellation)
  )
  cancellation.cancel(new PointSubError('ERR_ABORTED', 'enough'))
  expect(await call).toMatchObject({ code: 'ERR_ABORTED', sent: false })
  far.addEventListener('remoteCloseWrite', () => void far.close())
  await within(3_000, 'the session ends', session.close(new PointSubError('ERR_CLIENT_CLOSED', 'enough')))
  // A server that says nothing and ends nothing.
  const [data] = MemoryStream.pair(MUX)
  opening.resolve(memoryConn(data, connection))
  await until(
    'it is given up',
    () => data.status,
    status => status !== 'open'
  )
})
