import { readFileSync } from 'node:fs'
import type { Conn } from '../../src/conn/conn.ts'
import { type Frame, FrameDecoder, Transporter, type TransporterOptions } from '../../src/smts/index.ts'
import { MemoryStream, memoryConn } from './memory-stream.ts'
import type { Random } from './random.ts'

const MIB = 1024 * 1024
const PROTOCOL = '/smts/1.0.0'

/** What test/vectors/smts.json holds; its `notes` say what it means. */
export interface SmtsVectors {
  messages: (Recorded & { size?: number; dataHex?: string; goReads: 'same' | 'error' | 'wrong' })[]
  streams: (Recorded & { size: number; reader: string; writes: number[]; headers?: string[] })[]
  compressed: (Recorded & { byte: string; size: number })[]
  received: { hex: string; error?: true; dataHex?: string }[]
  flagged: { flags: number; dataHex: string; hex: string }[]
  processed: {
    version: number
    priority: number
    type: number
    flags: number
    id: number
    timestamp: string
    ttl: number
    routingKey: string
    bodyHex: string
    hex: string
  }[]
}

/** Bytes that Go wrote, whole or their ends. */
interface Recorded {
  total: number
  crc32: string
  hex?: string
  head?: string
  tail?: string
}

export const SMTS_VECTORS: SmtsVectors = JSON.parse(
  readFileSync(new URL('../vectors/smts.json', import.meta.url), 'utf8')
)

/** The bytes that every vector is made of. */
export function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (7 * i + 3) % 251)
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Both ends of a stream in memory, and what this side has sent. */
export interface SmtsPair extends AsyncDisposable {
  near: Transporter
  far: Transporter
  nearConn: Conn
  farConn: Conn
  nearStream: MemoryStream
  farStream: MemoryStream
  /** Every byte that `near` has sent. */
  sent: () => Uint8Array
}

/** @param random how bytes are cut and delayed */
export function smtsPair(
  options: TransporterOptions = {},
  random?: Random,
  farOptions: TransporterOptions = options
): SmtsPair {
  const [nearStream, farStream] = MemoryStream.pair(PROTOCOL, random, MIB)
  const nearConn = memoryConn(nearStream, { status: 'open' })
  const farConn = memoryConn(farStream, { status: 'open' })
  const sent: Uint8Array[] = []
  nearStream.onSend = bytes => sent.push(bytes)
  return {
    near: new Transporter(nearConn, options),
    far: new Transporter(farConn, farOptions),
    nearConn,
    farConn,
    nearStream,
    farStream,
    sent: () => new Uint8Array(Buffer.concat(sent)),
    [Symbol.asyncDispose]: async () => {
      nearConn.reset()
      farConn.reset()
    }
  }
}

/** Frames out of bytes that hold nothing else. */
export function framesOf(bytes: Uint8Array, maxBytes: number = 64 * MIB): Frame[] {
  const decoder = new FrameDecoder(maxBytes)
  decoder.push(bytes)
  const frames: Frame[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
  const last = decoder.finish()
  return last === undefined ? frames : [...frames, last]
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return new Uint8Array(Buffer.concat(parts))
}
