import { type EventEmitter, once as onceOf } from 'node:events'
import { Aedes } from 'aedes'
import { type IClientOptions, MqttClient } from 'mqtt'
import { describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../support/bytes.ts'
import { until, within } from '../support/until.ts'
import { flavours, type Nets, useNets } from './support/nets.ts'
import { type Serving, serve } from './support/serving.ts'

/** mqtt.js types its emitter more narrowly than `once()` of node:events takes one. */
function once(emitter: unknown, event: string): ReturnType<typeof onceOf> {
  return onceOf(emitter as EventEmitter, event)
}

/** An MQTT broker on sockets of `net`. */
class Broker implements AsyncDisposable {
  readonly aedes: Aedes
  readonly serving: Serving
  readonly #nets: Pick<Nets, 'client'>
  readonly #clients: MqttClient[] = []

  private constructor(aedes: Aedes, serving: Serving, nets: Pick<Nets, 'client'>) {
    this.aedes = aedes
    this.serving = serving
    this.#nets = nets
  }

  static async start(nets: Pick<Nets, 'server' | 'client'>): Promise<Broker> {
    const aedes = await Aedes.createBroker()
    return new Broker(aedes, await serve(nets, aedes.handle), nets)
  }

  /** mqtt.js' stream builder brings the socket. */
  async connect(options: IClientOptions = {}): Promise<MqttClient> {
    const { port } = this.serving
    const client = new MqttClient(() => this.#nets.client.connect({ port }), { reconnectPeriod: 20, ...options })
    this.#clients.push(client)
    await once(client, 'connect')
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map(async client => client.endAsync(true)))
    await new Promise<void>(resolve => this.aedes.close(() => resolve()))
    await this.serving[Symbol.asyncDispose]()
  }
}

describe.each(flavours)('mqtt and aedes over $name', flavour => {
  const nets = useNets(flavour)

  it.each([0, 1, 2] as const)('delivers 500 messages with QoS %i, in order', async qos => {
    await using broker = await Broker.start(nets)
    const subscriber = await broker.connect()
    const publisher = await broker.connect()
    expect(await subscriber.subscribeAsync('news/#', { qos })).toMatchObject([{ topic: 'news/#', qos }])
    const heard: string[] = []
    subscriber.on('message', (topic, payload, packet) => heard.push(`${topic} ${payload.toString()} ${packet.qos}`))
    await Promise.all(Array.from({ length: 500 }, (_, i) => publisher.publishAsync('news/a', `item ${i}`, { qos })))
    await until(
      'all is delivered',
      () => heard.length,
      length => length === 500
    )
    expect(heard).toEqual(heard.map((_, i) => `news/a item ${i} ${qos}`))
  })

  it('delivers a message of 2 MiB', async () => {
    await using broker = await Broker.start(nets)
    const client = await broker.connect()
    await client.subscribeAsync('big')
    const body = Buffer.from(randomBody(2 * MIB))
    const heard = once(client, 'message')
    await client.publishAsync('big', body, { qos: 1 })
    expect((await heard)[1].equals(body)).toBe(true)
  })

  it('keeps a retained message for who comes later', async () => {
    await using broker = await Broker.start(nets)
    const publisher = await broker.connect()
    await publisher.publishAsync('state', 'on', { qos: 1, retain: true })
    const later = await broker.connect()
    const heard = once(later, 'message')
    await later.subscribeAsync('state')
    const [topic, payload, packet] = await within(5_000, 'the retained message', heard)
    expect([topic, String(payload), packet.retain]).toEqual(['state', 'on', true])
  })

  it('publishes the will of a client whose socket breaks', async () => {
    await using broker = await Broker.start(nets)
    const watcher = await broker.connect()
    await watcher.subscribeAsync('gone')
    const will = { topic: 'gone', payload: Buffer.from('without a word'), qos: 1, retain: false } as const
    const client = await broker.connect({ will, reconnectPeriod: 0 })
    const heard = once(watcher, 'message')
    client.stream.destroy()
    expect(String((await within(5_000, 'the will', heard))[1])).toBe('without a word')
  })

  it('publishes no will of a client that says goodbye', async () => {
    await using broker = await Broker.start(nets)
    const watcher = await broker.connect()
    await watcher.subscribeAsync('gone')
    const heard: string[] = []
    watcher.on('message', (_, payload) => heard.push(String(payload)))
    const will = { topic: 'gone', payload: Buffer.from('will'), qos: 1, retain: false } as const
    const client = await broker.connect({ will })
    const left = once(broker.aedes, 'clientDisconnect')
    await client.endAsync()
    await within(5_000, 'the broker sees it leave', left)
    await watcher.publishAsync('gone', 'the next message', { qos: 1 })
    await until(
      'the next message',
      () => heard.length,
      length => length > 0
    )
    expect(heard).toEqual(['the next message'])
  })

  it('keeps a session while its client is away', async () => {
    await using broker = await Broker.start(nets)
    const session = { clientId: 'sleeper', clean: false }
    const sleeper = await broker.connect(session)
    await sleeper.subscribeAsync('news', { qos: 1 })
    await sleeper.endAsync()
    const publisher = await broker.connect()
    await publisher.publishAsync('news', 'while you slept', { qos: 1 })
    const { port } = broker.serving
    const again = new MqttClient(() => nets.client.connect({ port }), { ...session, reconnectPeriod: 0 })
    const [, payload] = await within(5_000, 'what was kept', once(again, 'message'))
    expect(String(payload)).toBe('while you slept')
    await again.endAsync(true)
  })

  it('connects again when the broker breaks the socket', async () => {
    await using broker = await Broker.start(nets)
    const client = await broker.connect()
    await client.subscribeAsync('news')
    const closed = once(client, 'close')
    for (const socket of broker.serving.sockets) socket.destroy()
    await within(5_000, 'the client notices', closed)
    await within(5_000, 'it connects again', once(client, 'connect'))
    const heard = once(client, 'message')
    await client.publishAsync('news', 'still here', { qos: 1 })
    expect(String((await within(5_000, 'a message', heard))[1])).toBe('still here')
  })

  it('keeps alive with pings', async () => {
    await using broker = await Broker.start(nets)
    const client = await broker.connect({ keepalive: 1, reschedulePings: false })
    const pings = once(broker.aedes, 'ping')
    await within(5_000, 'a ping', pings)
    expect(client.connected).toBe(true)
  })
})
