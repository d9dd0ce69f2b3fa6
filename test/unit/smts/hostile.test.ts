import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeFrame } from '../../../src/smts/index.ts'
import { join, u32 } from '../../support/bytes.ts'
import { CUTS, split } from '../../support/chunks.ts'
import { pattern, SMTS_VECTORS, fromHex, smtsPair } from '../../support/smts.ts'
import { within } from '../../support/until.ts'

const ZIPPED = new Uint8Array(gzipSync(pattern(3000)))
const FRAMES = fc.tuple(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(ZIPPED)), fc.nat(63))
const PIECES = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  FRAMES.map(([data, flags]) => encodeFrame(data, flags)),
  fc.tuple(fc.nat(), fc.nat(), fc.nat(63)).map(([size, checksum, flags]) => join(u32(size), u32(checksum), u32(flags)))
)

/** Calls after which nothing new can come: some errors stay. */
const CALLS = 40

/** Receives to the end, now as a message, now as a stream; the codes of all errors. */
async function receiveAll(chunks: readonly Uint8Array[]): Promise<string[]> {
  await using pair = smtsPair({ maxMessageSize: 2000 })
  for (const chunk of chunks) await pair.nearConn.write(chunk)
  await pair.nearConn.closeWrite()
  const codes: string[] = []
  for (let turn = 0; turn < CALLS; turn += 1) {
    try {
      if (turn % 2 === 0) {
        if ((await pair.far.receive()) === null) return codes
      } else for await (const _ of pair.far.receiveStream()) if (turn % 3 === 0) break
    } catch (error) {
      codes.push(error instanceof Error && 'code' in error ? String(error.code) : String(error))
    }
  }
  return codes
}

it('whatever a peer sends, receiving ends in messages or in errors that are known', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(PIECES, { maxLength: 10 }), CUTS, async (pieces, cuts) => {
      const codes = await within(5_000, 'the end', receiveAll(split(join(...pieces), cuts)))
      for (const code of codes) {
        expect(['ERR_INVALID_FRAME', 'ERR_MESSAGE_TOO_LARGE', 'ERR_UNEXPECTED_EOF', 'ERR_REMOTE']).toContain(code)
      }
    }),
    { numRuns: 150 }
  )
})

it('what Go wrote, cut off at any byte, ends in an error', async () => {
  const stream = SMTS_VECTORS.streams.find(({ size }) => size === 5)
  const wires = [fromHex(stream?.hex ?? ''), encodeFrame(ZIPPED, 4)]
  for (const wire of wires) {
    for (let cut = 1; cut < wire.byteLength; cut += 1) {
      const codes = await within(5_000, 'the end', receiveAll([wire.subarray(0, cut)]))
      expect(codes.length).toBeGreaterThan(0)
    }
  }
})
