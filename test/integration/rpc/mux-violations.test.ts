import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { HostPair } from '../../support/hosts.ts'
import { handleRaw, RawStream } from '../../support/raw.ts'
import { within } from '../../support/until.ts'

// What the vectors call violations, against a live Server and a live Client.

const SERVED = '/served/1.0.0'
const HOSTILE = '/hostile/1.0.0'
const TOKEN = 'deadbeef00010203'
const HELLO = `0000000a0000${TOKEN}`

interface BadSession {
  name: string
  from: 'client' | 'server'
  on: 'control' | 'data'
  control: string
  data: string
}

const vectors: { badFrames: { name: string; hex: string }[]; badSessions: BadSession[] } = JSON.parse(
  readFileSync(new URL('../../vectors/mux.json', import.meta.url), 'utf8')
)
const badFrames = (from: 'client' | 'server'): BadSession[] =>
  vectors.badFrames.map(({ name, hex }) => ({ name, from, on: 'control', control: HELLO + hex, data: '' }))
const casesOf = (side: 'client' | 'server'): BadSession[] => [
  ...vectors.badSessions.filter(({ from }) => from === side),
  ...badFrames(side)
]
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

let pair: HostPair
beforeAll(async () => {
  pair = await HostPair.create()
  await pair.connect()
})
afterAll(async () => pair[Symbol.asyncDispose]())

describe('our Server resets the session of a client that sends', () => {
  it.for(casesOf('client'))('$name, on $on', async ({ control, data }) => {
    await using server = new Server(pair.server)
    await server.start(SERVED, async (request, { signal }) => {
      // Requests of clients that break the wire stay in flight.
      if (request.byteLength === 0) await new Promise(resolve => signal.addEventListener('abort', resolve))
      return request
    })
    const connection = await pair.connect()
    const streams = [await RawStream.open(connection, `${SERVED}/mux/1`)]
    streams[0]?.send(bytes(control))
    if (data !== '') {
      await streams[0]?.receivedAtLeast(bytes(HELLO).byteLength)
      streams.push(await RawStream.open(connection, `${SERVED}/mux/1`))
      streams[1]?.send(bytes(data))
    }
    for (const stream of streams) expect(await stream.ended()).toBe('reset')
    await using client = new Client(pair.client, { maxRetries: 0 })
    expect(textOf(await client.send(pair.address, SERVED, bytesOf('still here')))).toBe('still here')
  })
})

describe('our Client gives the session up with a server that sends', () => {
  it.for(casesOf('server'))('$name, on $on', async ({ control }) => {
    const opened = Promise.withResolvers<RawStream>()
    await handleRaw(pair.server, `${HOSTILE}/mux/1`, async stream => {
      const raw = new RawStream(stream)
      const hello = await raw.receivedAtLeast(bytes(HELLO).byteLength)
      const token = Buffer.from(hello.subarray(6, 14)).toString('hex')
      raw.send(bytes(control.replaceAll(TOKEN, token)))
      opened.resolve(raw)
    })
    await using client = new Client(pair.client, { maxRetries: 0, wire: 'mux' })
    const error = await failureOf(client.send(pair.address, HOSTILE, bytesOf('hello')))
    expect(error).toMatchObject({ code: 'ERR_INVALID_FRAME', sent: true })
    const raw = await within(5_000, 'the stream is opened', opened.promise)
    expect(await raw.ended()).toBe('reset')
    await pair.server.unhandle(`${HOSTILE}/mux/1`)
  })
})
