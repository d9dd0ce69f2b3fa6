import fc from 'fast-check'
import { expect } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { bytesOf, frameOf, join, MIB, sameBytes, textOf } from './bytes.ts'
import { bytesInUse, inMiB } from './heap.ts'
import { type Attack, attack, attacks, type Meaning, meaningOf, telling, told } from './hostile.ts'
import { RawStream } from './raw.ts'
import { PROTOCOL, Rpc } from './rpc.ts'

const MAX = 32 * MIB
const BATCH = 250
const TIMEOUT = 500
/** Longer than a stream may wait for its first byte on a busy machine, in ms. */
const IDLE_TIMEOUT = 1_500

/** The `failure` event the server must give for what the bytes mean, if any. */
function expectedFailure({ rest }: Meaning, { ending }: Attack): ErrorCode[] {
  if (rest === 'too large') return ['ERR_MESSAGE_TOO_LARGE']
  if (rest === 'nothing') return []
  return ending === 'fin' ? ['ERR_UNEXPECTED_EOF'] : ending === 'silence' ? ['ERR_TIMEOUT'] : []
}

/** One stream of garbage: what comes back is the echo of the whole messages or the start of it, and then an end. */
async function attackServer(rpc: Rpc, hostile: Attack): Promise<void> {
  const meaning = meaningOf(hostile.chunks, MAX)
  const raw = await RawStream.open(await rpc.pair.connect(), PROTOCOL)
  await attack(raw, hostile)
  const echo = join(...meaning.bodies.map(frameOf))
  if (hostile.ending !== 'reset') {
    const clean = meaning.rest === 'nothing'
    expect(await raw.ended()).toBe(clean ? 'fin' : 'reset')
    expect(raw.received.byteLength).toBeGreaterThanOrEqual(clean ? echo.byteLength : 0)
    if (clean) await raw.stream.close()
  }
  expect(sameBytes(raw.received, echo.subarray(0, raw.received.byteLength))).toBe(true)
}

/** `cases` hostile streams towards a Server, {@link BATCH} at a time; after each batch a good client is served. */
export async function attackServerWith(cases: number): Promise<void> {
  await using rpc = await Rpc.create({ serverOptions: { readTimeout: TIMEOUT, idleTimeout: IDLE_TIMEOUT } })
  await rpc.pair.connect()
  let before: number | undefined
  await fc.assert(
    fc.asyncProperty(fc.array(attacks(MAX), { minLength: BATCH, maxLength: BATCH }), async batch => {
      rpc.failures.length = 0
      await Promise.all(batch.map(hostile => telling(hostile, () => attackServer(rpc, hostile))))
      expect(textOf(await rpc.send(bytesOf('a good call')))).toBe('a good call')
      await rpc.nothingLeft()
      // A reset may overtake what would have been a failure, so only the others are certain.
      const certain = batch.filter(({ ending }) => ending !== 'reset')
      const expected = certain.flatMap(hostile => expectedFailure(meaningOf(hostile.chunks, MAX), hostile))
      expect(rpc.failures.length).toBeGreaterThanOrEqual(expected.length)
      for (const code of new Set(expected)) {
        const count = rpc.failures.filter(({ error }) => error.code === code).length
        expect(count, code).toBeGreaterThanOrEqual(expected.filter(other => other === code).length)
      }
      before ??= await bytesInUse()
    }),
    // Each attempt takes a while: the one attack that failed is told instead of a smaller batch.
    { numRuns: Math.ceil(cases / BATCH), endOnFailure: true, reporter: told }
  )
  const grown = (await bytesInUse()) - (before ?? 0)
  expect(grown, `${inMiB(grown)} MiB`).toBeLessThan(5 * MIB)
}
