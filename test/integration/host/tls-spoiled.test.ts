import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { randomBody } from '../../support/bytes.ts'
import { addressOf } from '../../support/hosts.ts'
import { TcpProxy, type Side } from '../../support/tls/proxy.ts'
import { OWN_WAYS, TlsPair } from '../../support/tls/nodes.ts'
import { acceptAll, openBoth, type Received, sendForever } from '../../support/tls/streams.ts'
import { until, within } from '../../support/until.ts'

const PROMPT = 5_000

const SPOIL: Record<string, (bytes: Buffer) => Uint8Array> = {
  'a flipped bit': bytes => bytes.map((byte, at) => (at === bytes.byteLength - 1 ? byte ^ 1 : byte)),
  'another kind of record': bytes => bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)),
  'bytes too many': bytes => Buffer.concat([Buffer.alloc(20, 0x17), bytes]),
  'a byte too few': bytes => bytes.subarray(1),
  'a record once more': bytes => Buffer.concat([bytes, bytes])
}

describe.each(OWN_WAYS)('established TLS, $dialler to $listener', ways => {
  let pair: TlsPair
  let accepted: Received[]
  let proxy: TcpProxy
  beforeEach(async () => {
    pair = await TlsPair.create(ways)
    accepted = await acceptAll(pair.listener)
    proxy = await TcpProxy.before(addressOf(pair.listener))
  })
  afterEach(async () => {
    await proxy[Symbol.asyncDispose]()
    await pair[Symbol.asyncDispose]()
  })

  const cases = Object.keys(SPOIL).flatMap(what =>
    (['dialler', 'listener'] as const).map((from): [string, Side] => [what, from])
  )
  it.each(cases)('%s from the %s ends the connection of who gets it, with an error, by itself', async (what, from) => {
    const { dialled, accepted: other } = await pair.connect(proxy.address())
    const { near, far } = await openBoth(dialled, accepted)
    const [sender, receiver] = from === 'dialler' ? [near, far] : [far, near]
    const victim = from === 'dialler' ? other : dialled
    const closed = new Promise<Error | undefined>(resolve => {
      victim.addEventListener('close', ({ error }) => resolve(error), { once: true })
    })
    const sending = sendForever(sender.stream, randomBody(10_000))
    await until(
      'bytes flow',
      () => receiver.length,
      length => length > 0
    )
    let isSpoiled = false
    proxy.change = (bytes, side) => {
      // The other side is not told, so that nobody else can end it.
      if (side !== from) return isSpoiled ? Buffer.alloc(0) : bytes
      if (isSpoiled) return bytes
      isSpoiled = true
      return SPOIL[what]?.(bytes) ?? bytes
    }
    expect(await within(PROMPT, 'the connection ends', closed)).toBeInstanceOf(Error)
    expect(victim.status).toBe('aborted')
    expect(receiver.stream.status).not.toBe('open')
    expect(receiver.finished).toBe(false)
    await pair.disconnected()
    await within(PROMPT, 'sending ends', sending)
  })
})
