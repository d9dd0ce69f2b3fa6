import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MAX_ERROR_MESSAGE, type MuxFrame } from '../../../src/frame/mux.ts'
import { decodeMuxFrame } from '../../../src/frame/mux-decode.ts'
import { encodeMuxFrame } from '../../../src/frame/mux-encode.ts'
import { readU32 } from '../../../src/frame/numbers.ts'

const u32 = fc.nat(0xff_ff_ff_ff)
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const name = fc.stringMatching(/^[a-z0-9\-_.]{1,64}$/)
const pairs = fc.option(
  fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 40 }), {
    minKeys: 1,
    maxKeys: 5,
    noNullPrototype: true
  }),
  { nil: undefined }
)
const body = fc.uint8Array({ maxLength: 300 })
const message = fc.oneof(
  fc.record({ id: u32, encoding: fc.constant(0 as const), large: fc.constant(false), metadata: pairs, body }),
  fc.record({
    id: u32,
    encoding: fc.constantFrom(1 as const, 2 as const),
    large: fc.constant(false),
    metadata: pairs,
    body
  })
)
const whole = message.chain(each =>
  fc.record({ more: fc.integer({ min: 1, max: 1000 }) }).map(({ more }) => ({
    ...each,
    size: each.body.byteLength + (each.encoding === 0 ? 0 : more)
  }))
)
const large = fc.record({
  id: u32,
  encoding: fc.constantFrom(0 as const, 1 as const, 2 as const),
  large: fc.constant(true),
  metadata: pairs,
  size: u32,
  body: fc.constant(new Uint8Array(0))
})
const frame: fc.Arbitrary<MuxFrame> = fc.oneof(
  fc.tuple(fc.oneof(whole, large), u32).map(([each, timeout]) => ({ type: 'request' as const, timeout, ...each })),
  fc.oneof(whole, large).map(each => ({ type: 'answer' as const, ...each })),
  fc.record({
    type: fc.constant('error' as const),
    id: u32,
    retryable: fc.boolean(),
    notProcessed: fc.boolean(),
    retryAfter: u32,
    code: fc.stringMatching(/^ERR_[A-Z0-9_]{1,60}$/),
    message: fc.string({ unit: 'grapheme', maxLength: 100 }),
    details: pairs
  }),
  fc.record({ type: fc.constant('body' as const), id: u32, last: fc.boolean(), bytes: body }),
  fc.record({ type: fc.constant('cancel' as const), id: u32 }),
  fc.record({ type: fc.constant('credit' as const), bytes: u32 }),
  fc.record({ type: fc.constant('goaway' as const), reason: fc.nat(255) }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), bytes: bytes(8) }),
  fc.constant({ type: 'want' as const }),
  fc.record({
    type: fc.constant('hello' as const),
    stream: fc.constantFrom('control' as const, 'data' as const),
    token: bytes(8),
    settings: fc.record(
      {
        encodings: u32.map(bits => (bits | 1) >>> 0),
        maxBody: u32,
        maxRequests: fc.integer({ min: 1, max: 0xff_ff_ff_ff }),
        credit: u32
      },
      { requiredKeys: [] }
    )
  })
)

it('every frame is read as it was written', () => {
  fc.assert(
    fc.property(frame, each => {
      const written = encodeMuxFrame(each)
      expect(readU32(written, 0)).toBe(written.byteLength - 4)
      expect(decodeMuxFrame(written.subarray(4))).toEqual(each)
    }),
    { numRuns: 3_000 }
  )
})

it('a frame that was cut, lengthened or changed gives a frame or ERR_INVALID_FRAME, never anything else', () => {
  const decode = (from: Uint8Array): void => {
    try {
      decodeMuxFrame(from)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_INVALID_FRAME' })
    }
  }
  fc.assert(
    fc.property(frame, fc.nat(), fc.nat(255), (each, at, value) => {
      const written = encodeMuxFrame(each).subarray(4)
      decode(written.subarray(0, at % written.byteLength))
      decode(Uint8Array.of(...written, value))
      const changed = written.slice()
      changed[at % changed.byteLength] = value
      decode(changed)
    }),
    { numRuns: 5_000 }
  )
})

it('the message of an error is cut to what there is room for', () => {
  const text = '\u{1F600}€'.repeat(5_000)
  const failure = { id: 1, retryable: false, notProcessed: false, retryAfter: 0, code: 'ERR_X', details: undefined }
  const written = encodeMuxFrame({ type: 'error', message: text, ...failure })
  const read = decodeMuxFrame(written.subarray(4))
  expect(read).toMatchObject({ type: 'error', code: 'ERR_X' })
  const length = new TextEncoder().encode(read?.type === 'error' ? read.message : '').byteLength
  expect(length).toBeGreaterThan(1_000)
  expect(length).toBeLessThanOrEqual(MAX_ERROR_MESSAGE)
})
