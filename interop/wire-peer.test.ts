import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MIB, sha256 } from './bytes.ts'
import { netDial, netListen, overEveryLink, overEveryNetLink, raw, send, serve, wholePeers } from './links.ts'
import { WirePeer } from './peer.ts'

/** The peers against themselves: what they get wrong must not look like a fault of ours. */
overEveryLink(link => {
  test.each(['many', 'one'])('a client and a server of mode %s understand each other', async mode => {
    await using server = await serve(link, { mode })
    await using client = send(link, server, '/echo/1.0.0', {
      mode,
      count: 5,
      hold: true,
      size: 300
    })
    expect(await client.first('done')).toMatchObject({ ok: 5, failed: 0 })
    expect(client.lines('answer').map(line => line.echo)).toEqual(Array(5).fill(true))
    const connected = await client.first('connected')
    expect(connected.transport).toBe(link.transport === 'quic' ? 'quic-v1' : 'tcp')
    expect(connected.security).toContain(link.security ?? '')
    const reasons = (await server.until('stream', lines => lines.length === (mode === 'one' ? 5 : 1))).map(
      line => line.reason
    )
    expect(new Set(reasons)).toEqual(new Set([mode === 'one' ? 'one' : 'eof']))
  })

  test('a stream ends after idleness, too many requests, a failed handler and too large a message', async () => {
    await using server = await serve(link, {
      'idle-ms': 200,
      'max-requests': 2,
      'max-read': 1_000
    })
    await using idle = send(link, server, '/count/1.0.0', {
      body: 'x',
      hold: true,
      mode: 'leak'
    })
    expect(await idle.first('answer')).toMatchObject({ body: '1' })
    expect(await server.first('stream')).toMatchObject({
      requests: 1,
      reason: 'idle'
    })

    await using busy = send(link, server, '/count/1.0.0', {
      body: 'x',
      count: 2
    })
    expect(await busy.first('done')).toMatchObject({ ok: 2 })
    await server.until('stream', lines => lines.some(line => line.reason === 'max-requests' && line.requests === 2))

    await using failing = send(link, server, '/fail/1.0.0', { body: 'x' })
    expect((await failing.first('error')).error).toContain('EOF')
    await server.until('stream', lines => lines.some(line => line.reason === 'handler' && line.requests === 0))

    await using large = send(link, server, '/echo/1.0.0', { size: 1_001 })
    expect(await large.first('done')).toMatchObject({ failed: 1 })
    await server.until('stream', lines => lines.some(line => line.reason === 'too-large' && line.requests === 0))
  })

  test('raw bytes are echoed and digested across a half-close', async () => {
    await using server = await serve(link)
    await using echo = raw(link, server, '/raw/echo/1.0.0', {
      size: 2 * MIB,
      'half-close': true
    })
    const echoed = await echo.first('raw')
    expect(echoed.receivedSha256).toBe(echoed.sentSha256)
    await using digest = raw(link, server, '/raw/digest/1.0.0', {
      size: 2 * MIB,
      'half-close': true
    })
    const digested = await digest.first('raw')
    expect(digested.text).toBe(`${2 * MIB} ${digested.sentSha256}`)
  })
})

overEveryNetLink(link => {
  test('a net.Conn and a net.Listener understand each other', async () => {
    await using listener = await netListen(link, { size: MIB })
    await using sender = netDial(link, listener, '/net/digest/1.0.0', 'send', { size: 2 * MIB })
    const sent = await sender.first('conn')
    expect(sent).toMatchObject({ sent: 2 * MIB, text: `${2 * MIB} ${sent.sentSha256}`, end: 'eof' })
    await using reader = netDial(link, listener, '/net/send/1.0.0', 'digest')
    expect(await reader.first('conn')).toMatchObject({ received: MIB, end: 'eof' })
    await using web = netDial(link, listener, '/net/80', 'http', { count: 2, size: MIB })
    expect(await web.first('done')).toMatchObject({ ok: 2, failed: 0 })
  })

  test('a net.Conn tells a reset, an end and a deadline apart', async () => {
    await using listener = await netListen(link)
    await using resets = netDial(link, listener, '/net/echo/1.0.0', 'reset')
    await using says = netDial(link, listener, '/net/echo/1.0.0', 'bye', { 'timeout-ms': 200 })
    const ended = await listener.until('conn', lines => lines.length === 2)
    expect(ended.map(({ end }) => end).toSorted()).toEqual(['eof', 'reset'])
    expect(await resets.first('conn')).toMatchObject({ received: 1 })
    expect(await says.first('conn')).toMatchObject({ received: 0, end: 'timeout' })
  })
})

describe.each(wholePeers())('$info.name', ({ path }) => {
  test('frames messages as the vectors of this project say', async () => {
    const golden: unknown = JSON.parse(readFileSync(new URL('../test/vectors/plain.json', import.meta.url), 'utf8'))
    await using peer = new WirePeer(path, 'vectors')
    const { frames } = await peer.first('vectors')
    expect(golden).toMatchObject({ frames })
    for (const { size, sha256: expected } of frames) expect(sha256(frame(size))).toBe(expected)
  })

  test.each([
    ['an unknown command', 'dance', {}],
    ['an unknown flag', 'serve', { loudly: true }],
    ['a value that is not allowed', 'serve', { mode: 'few' }],
    ['a number out of range', 'send', { addr: '/ip4/127.0.0.1/tcp/1', protocol: '/echo/1.0.0', count: 0 }],
    ['a missing flag', 'send', { protocol: '/echo/1.0.0' }],
    ['a bad address', 'send', { addr: 'nowhere', protocol: '/echo/1.0.0' }]
  ] as const)('%s is fatal', async (_, command, flags) => {
    await using peer = new WirePeer(path, command, flags)
    expect((await peer.first('fatal')).error).not.toBe('')
    expect(await peer.stop()).toBe(1)
  })
})

/** A message as go-msgio frames it, made by hand: its length in four bytes, then the pattern of the vectors. */
function frame(size: number): Uint8Array {
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, size)
  return Buffer.concat([header, Uint8Array.from({ length: size }, (_, i) => (7 * i + 3) % 251)])
}
