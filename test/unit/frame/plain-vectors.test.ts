import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../../src/frame/plain.ts'

const MIB = 1024 * 1024

interface RecordedFrame {
  size: number
  total: number
  hex?: string
  hexStart?: string
  bodyByte?: string
  sha256?: string
}

function framesIn(file: string): RecordedFrame[] {
  const url = new URL(`../../vectors/${file}`, import.meta.url)
  const vectors: { frames: RecordedFrame[] } = JSON.parse(readFileSync(url, 'utf8'))
  return vectors.frames
}

function decodeOne(wire: Uint8Array): Uint8Array | undefined {
  const decoder = new FrameDecoder(MIB)
  decoder.push(wire)
  const body = decoder.next()
  expect(decoder.inFrame).toBe(false)
  return body
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('what Go PointSub v1.1.7 put on a stream', () => {
  const frames = framesIn('pointsub-v1.1.7.json')

  it('was recorded', () => {
    expect(frames.length).toBeGreaterThanOrEqual(3)
  })

  it.each(frames)('is read and written alike: $size bytes', ({ size, total, hex, hexStart, bodyByte }) => {
    const body = hex === undefined ? Buffer.alloc(size, bodyByte, 'hex') : Buffer.from(hex, 'hex').subarray(4)
    const ours = Buffer.from(encodeFrame(body, MIB))
    expect(ours.byteLength).toBe(total)
    expect(ours.toString('hex').startsWith(hex ?? hexStart ?? 'nothing was recorded')).toBe(true)
    expect(Buffer.compare(decodeOne(ours) ?? Buffer.from('nothing'), body)).toBe(0)
  })
})

describe('what go-msgio writes', () => {
  const frames = framesIn('plain.json')

  it('was recorded', () => {
    expect(frames.length).toBeGreaterThanOrEqual(8)
  })

  it.each(frames)('is read and written alike: $size bytes', ({ size, total, hex, sha256: hash }) => {
    const body = Uint8Array.from({ length: size }, (_, index) => (7 * index + 3) % 251)
    const ours = encodeFrame(body, MIB)
    expect(ours.byteLength).toBe(total)
    expect(sha256(ours)).toBe(hash)
    const theirs = hex === undefined ? ours : Buffer.from(hex, 'hex')
    expect(sha256(theirs)).toBe(hash)
    expect(Buffer.compare(decodeOne(theirs) ?? Buffer.from('nothing'), body)).toBe(0)
  })
})
