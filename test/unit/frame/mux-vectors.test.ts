import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { MAX_FRAME, type MuxFrame, type Settings } from '../../../src/frame/mux.ts'
import { decodeMuxFrame } from '../../../src/frame/mux-decode.ts'
import { encodeMuxFrame } from '../../../src/frame/mux-encode.ts'
import { FrameDecoder } from '../../../src/frame/plain.ts'
import { READABLE, tryDecode } from '../../../src/mux/bodies.ts'
import { shown } from '../../../tools/vectors/json.ts'
import { vectors } from '../../../tools/wire-vectors.ts'

interface Vector {
  name: string
  hex: string
  frame?: Record<string, unknown>
}

interface Vectors {
  frames: Vector[]
  readOnly: Vector[]
  conversations: { name: string; steps: Vector[] }[]
  badFrames: Vector[]
  badSessions: { name: string; control: string; data: string }[]
  compressed: { name: string; hex: string; text?: string }[]
}

const file: Vectors & Record<string, unknown> = JSON.parse(
  readFileSync(new URL('../../vectors/mux.json', import.meta.url), 'utf8')
)

/** The frames of some bytes as they come from a stream, all of them. */
function framesOf(hex: string): (MuxFrame | undefined)[] {
  const decoder = new FrameDecoder(MAX_FRAME)
  decoder.push(Uint8Array.from(Buffer.from(hex, 'hex')))
  const frames = []
  for (let bytes = decoder.next(); bytes !== undefined; bytes = decoder.next()) frames.push(decodeMuxFrame(bytes))
  expect(decoder.inFrame).toBe(false)
  return frames
}

function only(hex: string): MuxFrame | undefined {
  const frames = framesOf(hex)
  expect(frames).toHaveLength(1)
  return frames[0]
}

it('the file is what tools/wire-vectors.ts makes', () => {
  const { compressed, ...rest } = file
  expect(compressed.length).toBeGreaterThan(10)
  expect(rest).toEqual(vectors())
})

describe('every frame is written and read exactly as its vector says', () => {
  const steps = file.conversations.flatMap(({ name, steps: all }) =>
    all.map((step, i) => ({ ...step, name: `${name}: ${i}` }))
  )

  it.for([...file.frames, ...steps])('$name', ({ hex, frame }) => {
    const decoded = only(hex)
    if (decoded === undefined) throw new Error('it was not read')
    expect(shown(decoded)).toEqual(frame)
    expect(Buffer.from(encodeMuxFrame(decoded)).toString('hex')).toBe(hex)
  })

  it('of every type', () => {
    expect(new Set(file.frames.map(({ frame }) => frame?.['type'])).size).toBe(11)
  })
})

it.for(file.readOnly)('is read: $name', ({ hex, frame }) => {
  const decoded = only(hex)
  if (frame === undefined) expect(decoded).toBeUndefined()
  else expect(decoded && shown(decoded)).toEqual(frame)
})

it.for(file.badFrames)('is a violation: $name', ({ hex }) => {
  expect(() => framesOf(hex)).toThrow(PointSubError)
})

it.for(file.badSessions)('each frame is right by itself: $name', ({ control, data }) => {
  expect([...framesOf(control), ...framesOf(data)]).not.toContain(undefined)
})

describe('a compressed body', () => {
  const isReadable = (hex: string): boolean => {
    const frame = only(hex)
    return frame?.type === 'answer' && (READABLE & frame.encoding) !== 0
  }

  it.for(file.compressed.filter(({ hex }) => isReadable(hex)))('$name', async ({ hex, text }) => {
    const frame = only(hex)
    if (frame?.type !== 'answer') throw new Error('no ANSWER')
    const body = await tryDecode(frame, frame.body)
    if (text === undefined) expect(body).toMatchObject({ code: 'ERR_INVALID_FRAME' })
    else expect(body instanceof Uint8Array && Buffer.from(body).toString()).toBe(text)
  })
})

/** Settings under the names of the vectors. */
const names: Required<Settings> = { encodings: 1, maxBody: 2, maxRequests: 3, credit: 4 }

it('all settings have their keys', () => {
  const keys = Object.entries(names).map(([name, key]) => {
    const written = encodeMuxFrame({
      type: 'hello',
      stream: 'control',
      token: new Uint8Array(8),
      settings: { [name]: 9 }
    })
    return [written[14], key]
  })
  expect(keys.map(([written]) => written)).toEqual(keys.map(([, key]) => key))
})
