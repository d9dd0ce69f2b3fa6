import { once } from 'node:events'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIB, randomBody } from '../support/bytes.ts'
import { within } from '../support/until.ts'
import { flavours, useNets } from './support/nets.ts'
import { Postgres } from './support/postgres.ts'
import type { Serving } from './support/serving.ts'
import { sha256 } from './support/streams.ts'
import { tunnelTo } from './support/tunnel.ts'

let postgres: Postgres
beforeAll(async () => {
  postgres = await Postgres.start()
})
afterAll(async () => postgres[Symbol.asyncDispose]())

describe.each(flavours)('pg over $name', flavour => {
  const nets = useNets(flavour)
  let tunnel: Serving
  beforeAll(async () => {
    tunnel = await tunnelTo(nets, postgres.port)
  })
  afterAll(async () => tunnel[Symbol.asyncDispose]())

  const config = (): pg.ClientConfig => ({
    stream: () => new nets.client.Socket(),
    host: 'localhost',
    port: tunnel.port,
    user: 'tester',
    database: 'postgres'
  })
  async function connect(more: pg.ClientConfig = {}): Promise<pg.Client & AsyncDisposable> {
    const client = new pg.Client({ ...config(), ...more })
    await client.connect()
    return Object.assign(client, { [Symbol.asyncDispose]: async () => client.end() })
  }

  it('queries, with parameters, and tells errors of the server', async () => {
    await using client = await connect()
    const { rows } = await client.query(
      'select $1::int + 1 as sum, $2::text as text, now() as time, $3::bytea as bytes',
      [41, '你好', Buffer.from([0, 1, 2])]
    )
    expect(rows).toEqual([{ sum: 42, text: '你好', time: expect.any(Date), bytes: Buffer.from([0, 1, 2]) }])
    await expect(client.query('select nonsense')).rejects.toMatchObject({ code: '42703' })
    await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('runs a prepared statement 500 times', async () => {
    await using client = await connect()
    const squares: number[] = []
    for (let i = 0; i < 500; i++) {
      const { rows } = await client.query({ name: 'square', text: 'select $1::int * $1::int as square', values: [i] })
      squares.push(rows[0].square)
    }
    expect(squares).toEqual(squares.map((_, i) => i * i))
    const prepared = await client.query('select count(*)::int as count from pg_prepared_statements')
    expect(prepared.rows).toEqual([{ count: 1 }])
  })

  it('reads 50,000 rows', async () => {
    await using client = await connect()
    const text = `select i, md5(i::text) as hash, repeat('x', i % 100) as filler from generate_series(1, 50000) as i`
    const { rows } = await client.query<{ i: number; hash: string; filler: string }>(text)
    expect(rows).toHaveLength(50_000)
    expect(rows.every(({ i, filler }, index) => i === index + 1 && filler.length === i % 100)).toBe(true)
    const [{ digest }] = (
      await client.query(
        `select md5(string_agg(md5(i::text), '' order by i)) as digest from generate_series(1, 50000) as i`
      )
    ).rows
    const joined = await client.query('select md5($1) as digest', [rows.map(({ hash }) => hash).join('')])
    expect(joined.rows[0].digest).toBe(digest)
  })

  it('writes and reads 8 MiB in one parameter', async () => {
    await using client = await connect()
    await client.query('create temporary table blobs (data bytea)')
    const data = Buffer.from(randomBody(8 * MIB))
    const { rows } = await client.query(`insert into blobs values ($1) returning encode(sha256(data), 'hex') as hash`, [
      data
    ])
    expect(rows[0].hash).toBe(sha256(data))
    const back = await client.query<{ data: Buffer }>('select data from blobs')
    expect(back.rows[0]?.data.equals(data)).toBe(true)
  })

  it('hears notifications', async () => {
    await using listener = await connect()
    await using notifier = await connect()
    await listener.query('listen news')
    const heard: (string | undefined)[] = []
    const { promise: all, resolve } = Promise.withResolvers<void>()
    listener.on('notification', ({ channel, payload }) => {
      if (heard.push(`${channel}: ${payload}`) === 100) resolve()
    })
    for (let i = 0; i < 100; i++) await notifier.query('select pg_notify($1, $2)', ['news', `item ${i}`])
    await within(5_000, 'all notifications', all)
    expect(heard).toEqual(heard.map((_, i) => `news: item ${i}`))
  })

  it('shares a pool of 10 among 300 queries', async () => {
    const pool = new pg.Pool({ ...config(), max: 10 })
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const { rows } = await pool.query('select $1::int as i, pg_backend_pid() as pid, pg_sleep(0.001)', [i])
        return rows[0]
      })
    )
    expect(answers.map(({ i }) => i)).toEqual(answers.map((_, i) => i))
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(10)
    await pool.end()
  })

  it('upgrades the socket to TLS', async () => {
    await using client = await connect({ ssl: { ca: postgres.certificate } })
    const { rows } = await client.query('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()')
    expect(rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
  })

  it('is told of a statement that took too long, and goes on', async () => {
    await using client = await connect({ statement_timeout: 50 })
    await expect(client.query('select pg_sleep(10)')).rejects.toMatchObject({ code: '57014' })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('fails when the server is killed, and connects again when it is back', async () => {
    const client = new pg.Client(config())
    await client.connect()
    const failed = once(client, 'error')
    const query = client.query('select pg_sleep(30)')
    const outcome = expect(within(5_000, 'the query fails', query)).rejects.toThrow(/terminat|ECONNRESET/)
    // Another connection tells when the query runs.
    await using other = await connect()
    other.on('error', () => {})
    await expect
      .poll(async () => (await other.query(`select 1 from pg_stat_activity where query like '%pg_sleep(30)'`)).rowCount)
      .toBeGreaterThan(0)
    await postgres.kill()
    await outcome
    await within(5_000, 'the client is told', failed)
    await postgres.start()
    await using again = await connect()
    expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('is refused when nothing listens', async () => {
    const gone = await tunnelTo(nets, postgres.port)
    await gone[Symbol.asyncDispose]()
    const client = new pg.Client({ ...config(), port: gone.port })
    await expect(within(5_000, 'it is refused', client.connect())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
