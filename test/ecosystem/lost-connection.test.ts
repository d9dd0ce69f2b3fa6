import { once } from 'node:events'
import http from 'node:http'
import { Aedes } from 'aedes'
import { MqttClient } from 'mqtt'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNet } from '../../src/net/index.ts'
import { HostPair } from '../support/hosts.ts'
import { until, within } from '../support/until.ts'
import { ask, PeerAgent } from './support/http.ts'
import { type Net, openStreams } from './support/nets.ts'
import { Postgres } from './support/postgres.ts'
import { serve, serveBy } from './support/serving.ts'
import { tunnelTo } from './support/tunnel.ts'

/** The libp2p connection below all sockets ends: what a dead network, or a peer that went away, looks like. */
const WAYS: readonly [string, (pair: HostPair) => void | Promise<void>][] = [
  ['the client aborts', ({ client }) => client.getConnections().forEach(each => each.abort(new Error('lost')))],
  ['the server aborts', ({ server }) => server.getConnections().forEach(each => each.abort(new Error('lost')))],
  ['the server hangs up', async ({ server, client }) => server.hangUp(client.peerId)]
]

let postgres: Postgres
beforeAll(async () => {
  postgres = await Postgres.start()
})
afterAll(async () => postgres[Symbol.asyncDispose]())

describe.each(WAYS)('when %s, all sockets are lost', (_, lose) => {
  let hosts: HostPair
  let nets: { server: Net; client: Net }
  beforeAll(async () => {
    hosts = await HostPair.create()
    nets = {
      server: createNet(hosts.server) as unknown as Net,
      client: createNet(hosts.client, { resolve: () => hosts.address }) as unknown as Net
    }
  })
  afterAll(async () => {
    await until(
      'every stream is closed',
      () => openStreams(hosts),
      streams => streams.length === 0
    )
    await hosts[Symbol.asyncDispose]()
  })

  it('node:http: what runs fails, idle sockets go, the next request connects again', async () => {
    const server = http.createServer((request, response) => {
      if (request.url !== '/hang') response.end('ok')
    })
    await using serving = await serveBy(nets, server)
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    await Promise.all([ask({ agent }), ask({ agent })])
    const hanging = http.get({ agent, path: '/hang' })
    const failed = once(hanging, 'error')
    await once(server, 'request')
    await lose(hosts)
    expect((await within(5_000, 'the request fails', failed))[0].code).toBe('ECONNRESET')
    await until(
      'no socket is left',
      () => serving.sockets.size,
      size => size === 0
    )
    expect(await within(5_000, 'the next request', ask({ agent }))).toMatchObject({ status: 200, reused: false })
  })

  it('pg: the pool forgets its clients and makes new ones', async () => {
    await using tunnel = await tunnelTo(nets, postgres.port)
    const { port } = tunnel
    const stream = () => new nets.client.Socket()
    const pool = new pg.Pool({ stream, host: 'localhost', port, user: 'tester', database: 'postgres', max: 5 })
    const lost: Error[] = []
    pool.on('error', error => lost.push(error))
    await Promise.all(Array.from({ length: 5 }, () => pool.query('select pg_sleep(0.05)')))
    expect(pool.idleCount).toBe(5)
    await lose(hosts)
    await until(
      'the pool notices',
      () => [lost.length, pool.totalCount],
      ([errors, total]) => errors === 5 && total === 0
    )
    const { rows } = await within(5_000, 'the next query', pool.query('select 1 as one'))
    expect(rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  it('mqtt: the will is published, and the client is back with its subscriptions', async () => {
    const aedes = await Aedes.createBroker()
    await using serving = await serve(nets, aedes.handle)
    const will = { topic: 'gone', payload: Buffer.from('lost'), qos: 1, retain: true } as const
    const options = { will, reconnectPeriod: 20 }
    const client = new MqttClient(() => nets.client.connect({ port: serving.port }), options)
    client.on('error', () => {})
    const heard: string[] = []
    client.on('message', (topic, payload) => heard.push(`${topic}: ${payload.toString()}`))
    await client.subscribeAsync(['news', 'gone'], { qos: 1 })
    await lose(hosts)
    await until(
      'the will',
      () => heard,
      texts => texts.includes('gone: lost')
    )
    await within(5_000, 'publishing again', client.publishAsync('news', 'back', { qos: 1 }))
    await until(
      'a message',
      () => heard,
      texts => texts.includes('news: back')
    )
    await client.endAsync()
    await new Promise<void>(resolve => aedes.close(() => resolve()))
  })
})
