import type { Stream } from '@libp2p/interface'
import fc from 'fast-check'
import { expect } from 'vitest'
import { Client, type ErrorCode } from '../../src/index.ts'
import { bytesOf, MIB, sameBytes, textOf, u32 } from './bytes.ts'
import { bytesInUse, inMiB } from './heap.ts'
import { type Attack, attack, attacks, meaningOf, telling, told } from './hostile.ts'
import { nothingLeft, streamsOf } from './leftovers.ts'
import { handleRaw, onFrames, RawStream } from './raw.ts'
import { Rpc } from './rpc.ts'
import { until, within } from './until.ts'

const HOSTILE = '/hostile/1.0.0'
const MAX = 32 * MIB
const BATCH = 250
/** Enough for the first batch to open its streams and to be answered, on a busy machine too, in ms. */
const TIMEOUT = 2_500

/** What a call must fail with when no whole answer is among the bytes. */
function expectedCodes(hostile: Attack): ErrorCode[] {
  // Bytes that trickle in may come too late.
  return [...codesOf(hostile), ...(hostile.slowly ? ['ERR_TIMEOUT' as const] : [])]
}

function codesOf({ chunks, ending }: Attack): ErrorCode[] {
  const { rest } = meaningOf(chunks, MAX)
  // The reset may overtake bytes that are still waiting to be sent.
  if (ending === 'reset') return ['ERR_STREAM_RESET', 'ERR_MESSAGE_TOO_LARGE']
  if (rest === 'too large') return ['ERR_MESSAGE_TOO_LARGE']
  if (ending === 'silence') return ['ERR_TIMEOUT']
  return [rest === 'unfinished' ? 'ERR_UNEXPECTED_EOF' : 'ERR_NO_RESPONSE']
}

/** One call that is answered with garbage: it gets the first whole message, or the right error. */
async function callHostile(rpc: Rpc, client: Client, hostile: Attack, index: number): Promise<void> {
  const [first] = meaningOf(hostile.chunks, MAX).bodies
  const call = client.send(rpc.address, HOSTILE, u32(index), { timeout: TIMEOUT })
  const [outcome] = await within(5_000, 'the call ends', Promise.allSettled([call]))
  if (outcome.status === 'fulfilled') {
    expect(first !== undefined && sameBytes(outcome.value, first)).toBe(true)
    return
  }
  // A reset right behind an answer throws it away, and a slow answer may come too late.
  if (first === undefined) expect(expectedCodes(hostile)).toContain(outcome.reason.code)
  else expect(['ERR_STREAM_RESET', 'ERR_TIMEOUT']).toContain(outcome.reason.code)
  expect(outcome.reason).toMatchObject({ peer: rpc.peer, protocol: HOSTILE, sent: true })
}

/** `cases` calls of a Client to a peer that answers with garbage; after each batch a good peer answers. */
export async function attackClientWith(cases: number): Promise<void> {
  await using rpc = await Rpc.create()
  // One call a stream: what is left over of one must not be taken for the answer to the next.
  const limits = {
    wire: 'plain',
    maxStreamsPerPeer: BATCH,
    maxTotalConns: BATCH,
    maxRequestsPerStream: 1,
    maxRetries: 0
  } as const
  await using client = new Client(rpc.pair.client, limits)
  let batch: Attack[] = []
  await handleRaw(rpc.pair.server, HOSTILE, (stream: Stream) => {
    onFrames(stream, body => {
      const hostile = batch[new DataView(body.buffer, body.byteOffset).getUint32(0)]
      if (hostile !== undefined) void attack(new RawStream(stream), hostile)
    })
    stream.addEventListener('remoteCloseWrite', () => void stream.close())
  })
  let before: number | undefined
  await fc.assert(
    fc.asyncProperty(fc.array(attacks(MAX), { minLength: BATCH, maxLength: BATCH }), async attackers => {
      batch = attackers
      await Promise.all(
        attackers.map((hostile, index) => telling(hostile, () => callHostile(rpc, client, hostile, index)))
      )
      expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
      await until(
        'the streams are gone',
        () => streamsOf(HOSTILE, ...rpc.pair.both).length,
        count => count === 0
      )
      before ??= await bytesInUse()
    }),
    // Each attempt takes a while: the one attack that failed is told instead of a smaller batch.
    { numRuns: Math.ceil(cases / BATCH), endOnFailure: true, reporter: told }
  )
  await Promise.all([client.close(), rpc.client.close()])
  await nothingLeft(HOSTILE, rpc.pair.both)
  const grown = (await bytesInUse()) - (before ?? 0)
  expect(grown, `${inMiB(grown)} MiB`).toBeLessThan(5 * MIB)
}
