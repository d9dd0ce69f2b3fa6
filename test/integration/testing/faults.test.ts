import { describe, expect, it } from 'vitest'
import { dial } from '../../../src/index.ts'
import type { FaultOptions } from '../../../src/testing/index.ts'
import { KIB, MIB, randomBody } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { until, within } from '../../support/until.ts'
import { echo, hashOf, Line, PROTOCOL, readToEnd, timeOf } from './lines.ts'

const some = randomBody(100)

describe('bytes', () => {
  it.for<FaultOptions>([
    {},
    { latency: 5, jitter: 5 },
    { latency: 3, jitter: 3, bandwidth: 8 * MIB },
    { loss: 0.01, stallTime: 20 },
    { slowReader: 8 * MIB },
    { latency: 1, jitter: 1, loss: 0.02, stallTime: 5, packetSize: 9_999 }
  ])('all come, once and in order, with the end behind them: %j', async faults => {
    await using line = await Line.create(faults)
    const [near, far] = await line.conn()
    const body = randomBody(MIB)
    const echoed = echo(far)
    const back = readToEnd(near)
    await near.write(body)
    await near.closeWrite()
    expect(hashOf(await back)).toBe(hashOf(body))
    await echoed
    await line.nothingLeft()
  })
})

it('bytes that were written may be changed once the write is done, as over noise', async () => {
  await using line = await Line.create({ latency: 20 })
  const [near, far] = await line.conn()
  const body = randomBody(64 * KIB)
  const copy = body.slice()
  await near.write(body)
  body.fill(0)
  expect(hashOf(await far.readFull(body.byteLength))).toBe(hashOf(copy))
})

describe('latency', () => {
  it('takes its time each way, and another round trip to open a stream', async () => {
    await using line = await Line.create()
    const [near, far] = await line.conn()
    void echo(far).catch(() => {})
    const trip = async (): Promise<void> => {
      await near.write(some)
      await near.readFull(some.byteLength)
    }
    const without = await timeOf(trip)
    line.network.faults.set({ latency: 60 })
    const time = await timeOf(trip)
    expect(time).toBeGreaterThanOrEqual(120)
    expect(time).toBeLessThan(without + 240)
    expect(await timeOf(() => line.conn())).toBeGreaterThanOrEqual(120)
  })

  it('does not add up over writes that follow each other', async () => {
    await using line = await Line.create({ latency: 100 })
    const [near, far] = await line.conn()
    const time = await timeOf(async () => {
      for (let i = 0; i < 50; i++) await near.write(some)
      await far.readFull(50 * some.byteLength)
    })
    expect(time).toBeLessThan(1_000)
  })

  it('that ends lets go at once what is on its way', async () => {
    await using line = await Line.create()
    const [near, far] = await line.conn()
    line.network.faults.set({ latency: 500_000 })
    await near.write(some)
    line.network.faults.clear()
    expect((await within(5_000, 'the bytes', far.readFull(some.byteLength))).byteLength).toBe(some.byteLength)
  })
})

it('bandwidth is what all streams of a link share, each way', async () => {
  await using line = await Line.create({ bandwidth: 500 * KIB })
  const conns = [await line.conn(), await line.conn()]
  const body = randomBody(100 * KIB)
  const time = await timeOf(async () => {
    for (const end of conns.flat()) void end.write(body)
    await Promise.all(conns.flat().map(end => end.readFull(body.byteLength)))
  })
  // Two hundred KiB each way at once.
  expect(time).toBeGreaterThan(380)
  expect(time).toBeLessThan(3_000)
})

describe('loss', () => {
  it('stalls what is behind it', async () => {
    await using line = await Line.create({ loss: 1, stallTime: 150, packetSize: 1_000 })
    const [near, far] = await line.conn()
    const time = await timeOf(async () => {
      await near.write(some)
      await far.readFull(some.byteLength)
    })
    expect(time).toBeGreaterThanOrEqual(150)
    expect(line.network.faults.log).toMatchObject([
      { kind: 'stall', link: '0>1', protocol: PROTOCOL, opened: 'outbound', stream: 0, direction: 'out', offset: 0 }
    ])
  })

  it('goes on to stall when faults of other links change', async () => {
    await using line = await Line.create({ loss: 1, stallTime: 300, packetSize: 1_000 })
    const stranger = await line.network.addHost()
    const [near, far] = await line.conn()
    const time = await timeOf(async () => {
      await near.write(some)
      line.network.faults.set({ latency: 1 }, stranger)
      line.network.faults.partition(stranger)
      await far.readFull(some.byteLength)
    })
    expect(time).toBeGreaterThanOrEqual(300)
  })

  it('resets the stream for both sides, which read what had come before', async () => {
    // With this seed not the first packet, but one of twenty.
    await using line = await Line.create({ loss: 0.2, lossMode: 'reset', packetSize: 1_000 }, 3)
    const [near, far] = await line.conn()
    void near.write(randomBody(20_000))
    const reading = failureOf(readToEnd(far))
    expect(await failureOf(near.read())).toMatchObject({ code: 'ERR_STREAM_RESET' })
    expect(await reading).toMatchObject({ code: 'ERR_STREAM_RESET' })
    const [reset] = line.network.faults.log
    expect(reset).toMatchObject({ kind: 'reset' })
    expect(far.bytesRead).toBe(reset?.offset)
    expect(far.bytesRead).toBeGreaterThan(0)
    await line.nothingLeft()
  })
})

it('errors at opening fail the one who opens, and nothing comes to the other', async () => {
  await using line = await Line.create({ errorRate: 0.5 })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 40 }, () => dial(line.near, line.far.peerId, PROTOCOL))
  )
  const failed = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(failed.length).toBeGreaterThan(8)
  expect(failed.length).toBeLessThan(32)
  for (const error of failed) expect(error).toMatchObject({ code: 'ERR_STREAM_RESET', sent: false })
  expect(line.network.faults.count).toBe(failed.length)
})

it('corruption changes single bytes, and not those of the sender', async () => {
  await using line = await Line.create({ corruption: 1, packetSize: 1_000 })
  const [near, far] = await line.conn()
  const body = randomBody(10_000)
  const copy = body.slice()
  await near.write(body)
  const received = await far.readFull(body.byteLength)
  const changed = [...received.keys()].filter(i => received[i] !== body[i])
  expect(changed).toEqual(line.network.faults.log.map(({ offset }) => offset))
  expect(changed.length).toBe(10)
  expect(body).toEqual(copy)
})

it('a slow reader holds the writer back: what is on its way stays bounded', async () => {
  await using line = await Line.create({ slowReader: 2 * MIB })
  const [near, far] = await line.conn()
  const body = randomBody(64 * KIB)
  let most = 0
  const reading = timeOf(() => far.readFull(6 * MIB))
  for (let i = 0; i < 96; i++) {
    await near.write(body)
    most = Math.max(most, near.bytesWritten - far.bytesRead)
  }
  // A window of yamux (1 MiB), what waits behind it, and the pipes of both sides.
  expect(most).toBeLessThan(3 * MIB)
  expect(await reading).toBeGreaterThan(2_500)
  near.reset()
  far.reset()
  await line.nothingLeft()
})

describe('the ends of a stream', () => {
  const faults = { latency: 30, jitter: 10 }

  it('a half-closed stream goes on the other way', async () => {
    await using line = await Line.create(faults)
    const [near, far] = await line.conn()
    await near.closeWrite()
    expect(await far.read()).toBeNull()
    await far.write(some)
    await far.closeWrite()
    expect((await readToEnd(near)).byteLength).toBe(some.byteLength)
    await line.nothingLeft()
  })

  it('a reset comes behind the bytes sent before it: ERR_STREAM_RESET', async () => {
    await using line = await Line.create(faults)
    const [near, far] = await line.conn()
    await near.write(some)
    near.reset()
    expect((await far.readFull(some.byteLength)).byteLength).toBe(some.byteLength)
    expect(await failureOf(far.read())).toMatchObject({ code: 'ERR_STREAM_RESET' })
    await line.nothingLeft()
  })

  it('a reset does not wait for a peer that reads nothing', async () => {
    await using line = await Line.create(faults)
    const [near, far] = await line.conn()
    const writing = failureOf(near.write(randomBody(8 * MIB)))
    await until(
      'the window is full',
      () => far.bytesBuffered,
      bytes => bytes >= MIB / 2
    )
    near.reset()
    await within(5_000, 'the peer sees the reset', far.closed)
    expect(await writing).toMatchObject({ code: 'ERR_STREAM_CLOSED' })
    await line.nothingLeft()
  })

  it('reset() of the handle resets the open streams of some peers', async () => {
    await using line = await Line.create(faults)
    const [near, far] = await line.conn()
    const reading = failureOf(far.read())
    line.network.faults.reset(line.near, line.far)
    expect(await failureOf(near.read())).toMatchObject({ code: 'ERR_STREAM_RESET' })
    expect(await reading).toMatchObject({ code: 'ERR_STREAM_RESET' })
    await line.nothingLeft()
  })

  it('a lost connection is an error, behind what had been sent', async () => {
    await using line = await Line.create({ latency: 200 })
    const [near, far] = await line.conn()
    line.network.faults.set({ slowReader: 1 })
    await near.write(some)
    await until(
      'the bytes are held by the slow reader',
      () => far.bytesBuffered,
      bytes => bytes === some.byteLength
    )
    line.network.faults.disconnect()
    expect((await far.readFull(some.byteLength)).byteLength).toBe(some.byteLength)
    expect(await failureOf(far.read())).toMatchObject({ code: 'ERR_CONNECTION_LOST' })
    expect(await failureOf(near.read())).toMatchObject({ code: 'ERR_CONNECTION_LOST' })
    await line.nothingLeft()
  })
})
