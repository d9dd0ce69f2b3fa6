import { once } from 'node:events'
import type { Socket } from 'node:net'
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../support/bytes.ts'
import { until, within } from '../support/until.ts'
import { flavours, useNets } from './support/nets.ts'
import { RedisServer } from './support/redis.ts'
import type { Serving } from './support/serving.ts'
import { tunnelTo } from './support/tunnel.ts'

/** Without the one option whose types do not fit `exactOptionalPropertyTypes`. */
type Options = Omit<RedisOptions, 'replyMapping'>

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(async () => server[Symbol.asyncDispose]())

/** ioredis' way to bring sockets of one's own. */
function connectorBy(connect: () => Socket): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    constructor() {
      super(2_000)
    }

    async connect(): Promise<Socket> {
      this.connecting = true
      const socket = connect()
      this.stream = socket
      return socket
    }
  }
}

describe.each(flavours)('ioredis over $name', flavour => {
  const nets = useNets(flavour)
  let tunnel: Serving
  beforeAll(async () => {
    tunnel = await tunnelTo(nets, server.port)
  })
  afterAll(async () => tunnel[Symbol.asyncDispose]())

  function open(options: Options = {}, port: number = tunnel.port): Redis & AsyncDisposable {
    const Connector = connectorBy(() => nets.client.connect({ port }))
    const all: Options = { Connector, retryStrategy: () => 20, ...options }
    const redis = new Redis(all)
    redis.on('error', () => {})
    return Object.assign(redis, {
      async [Symbol.asyncDispose]() {
        if (redis.status === 'end') return
        const ended = once(redis, 'end')
        redis.disconnect()
        await ended
      }
    })
  }

  it('sets and gets', async () => {
    await using redis = open()
    await redis.set('greeting', '你好')
    expect(await redis.get('greeting')).toBe('你好')
    expect(await redis.get('nothing')).toBeNull()
    await redis.hset('hash', { one: 1, two: 2 })
    expect(await redis.hgetall('hash')).toEqual({ one: '1', two: '2' })
    await expect(redis.incr('greeting')).rejects.toThrow(/not an integer/)
    expect(await redis.multi().set('n', 1).incr('n').exec()).toEqual([
      [null, 'OK'],
      [null, 2]
    ])
  })

  it('sends 10,000 commands in one pipeline', async () => {
    await using redis = open()
    const pipeline = redis.pipeline()
    for (let i = 0; i < 5_000; i++) pipeline.set(`key ${i}`, `value ${i}`).get(`key ${i}`)
    const answers = (await pipeline.exec()) ?? []
    expect(answers.map(([error, answer]) => error ?? answer)).toEqual(
      Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? 'OK' : `value ${(i - 1) / 2}`))
    )
  })

  it('answers 10,000 commands at once', async () => {
    await using redis = open()
    const answers = await Promise.all(Array.from({ length: 10_000 }, (_, i) => redis.echo(String(i))))
    expect(answers).toEqual(answers.map((_, i) => String(i)))
  })

  it('keeps a value of 8 MiB', async () => {
    await using redis = open()
    const value = Buffer.from(randomBody(8 * MIB))
    await redis.set('big', value)
    expect((await redis.getBuffer('big'))?.equals(value)).toBe(true)
    await redis.del('big')
  })

  it('publishes to subscribers', async () => {
    await using subscriber = open()
    await using publisher = open()
    await subscriber.subscribe('news')
    await subscriber.psubscribe('n*')
    const heard: string[] = []
    subscriber.on('message', (channel, text) => heard.push(`${channel}: ${text}`))
    let byPattern = 0
    subscriber.on('pmessage', () => {
      byPattern += 1
    })
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => publisher.publish('news', `item ${i}`)))
    await until(
      'all is heard',
      () => [heard.length, byPattern],
      numbers => numbers.every(number => number === 1_000)
    )
    expect(heard).toEqual(heard.map((_, i) => `news: item ${i}`))
  })

  it('waits for a blocking command', async () => {
    await using waiting = open()
    await using pushing = open()
    const popped = waiting.blpop('queue', 5)
    await pushing.rpush('queue', 'item')
    expect(await popped).toEqual(['queue', 'item'])
  })

  it('connects again when its socket breaks, and sends what waited', async () => {
    await using redis = open()
    await redis.set('counter', 0)
    for (let round = 1; round <= 3; round++) {
      const closed = once(redis, 'close')
      for (const socket of tunnel.sockets) socket.destroy()
      await within(5_000, 'the client notices', closed)
      expect(await within(5_000, 'the command that waited', redis.incr('counter'))).toBe(round)
    }
  })

  it('connects again when Redis closes the connection', async () => {
    await using redis = open()
    await using other = open()
    const id = await redis.client('ID')
    const closed = once(redis, 'close')
    await other.client('KILL', 'ID', id)
    await within(5_000, 'the client notices', closed)
    expect(await within(5_000, 'it is back', redis.ping())).toBe('PONG')
  })

  it('quits', async () => {
    await using redis = open()
    await redis.ping()
    const ended = once(redis, 'end')
    expect(await redis.quit()).toBe('OK')
    await within(5_000, 'the connection ends', ended)
  })

  it('is told that nothing listens', async () => {
    const gone = await tunnelTo(nets, server.port)
    await gone[Symbol.asyncDispose]()
    await using redis = open({ retryStrategy: () => null, lazyConnect: true }, gone.port)
    const failed = once(redis, 'error')
    await expect(redis.connect()).rejects.toThrow(/Connection is closed/)
    expect((await failed)[0].code).toBe('ECONNREFUSED')
  })
})
