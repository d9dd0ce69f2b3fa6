// Writes test/vectors/mux.json: the frames of docs/wire.md as bytes, for whoever implements it.
import { writeFile } from 'node:fs/promises'
import zlib from 'node:zlib'
import { encodeMuxFrame } from '../src/frame/mux-encode.ts'
import { CONVERSATIONS, type Step } from './vectors/conversations.ts'
import { FRAMES, READ_ONLY } from './vectors/frames.ts'
import { hex, type Json, shown } from './vectors/json.ts'
import { BAD_FRAMES, BAD_SESSIONS } from './vectors/violations.ts'

const FILE = new URL('../test/vectors/mux.json', import.meta.url)

/** All vectors but the compressed ones, whose bytes the library chooses that compresses. */
export function vectors(): Record<string, Json> {
  return {
    source: '`node --conditions=@pointsub/source tools/wire-vectors.ts`',
    wire: 'docs/wire.md, version 1',
    notes: {
      bytes: 'All bytes are in hex, and begin with the length of the frame. What a frame does not have is left out.',
      frames: 'Are written and read exactly so.',
      readOnly: 'Are read so; without a frame, what is to be ignored.',
      conversations: 'Whole sessions, in an order in which the frames can be seen; each side then ends its streams.',
      badFrames: 'Are violations by themselves, whoever sends them and wherever.',
      badSessions: 'All that one side sends on each stream; its last frame, on the stream named, is a violation.',
      compressed: 'ANSWERs whose body is encoded, for decoding only: to `text`, or, where there is none, not at all.'
    },
    frames: FRAMES.map(([name, frame]) => ({ name, hex: hex(encodeMuxFrame(frame)), frame: shown(frame) })),
    readOnly: READ_ONLY.map(([name, bytes, frame]) =>
      frame === undefined ? { name, hex: bytes } : { name, hex: bytes, frame: shown(frame) }
    ),
    conversations: CONVERSATIONS.map(({ name, steps }) => ({ name, steps: steps.map(stepOf) })),
    badFrames: BAD_FRAMES,
    badSessions: BAD_SESSIONS
  }
}

function stepOf([from, on, frame]: Step): Json {
  return { from, on, hex: hex(encodeMuxFrame(frame)), frame: shown(frame) }
}

function compressed(): Json {
  const words = Buffer.from('all work and no play makes Jack a dull boy. '.repeat(20))
  const zstd = zlib.zstdCompressSync(words)
  const deflated = zlib.deflateRawSync(words)
  const [id, metadata, large] = [1, undefined, false] as const
  const answer = (encoding: 1 | 2, body: Uint8Array, size = words.byteLength): string =>
    hex(encodeMuxFrame({ type: 'answer', id, encoding, large, size, metadata, body }))
  const whole = { text: words.toString() }
  return [
    { name: 'deflate-raw', hex: answer(1, deflated), ...whole },
    {
      name: 'deflate-raw, compressed with another level',
      hex: answer(1, zlib.deflateRawSync(words, { level: 9 })),
      ...whole
    },
    { name: 'deflate-raw in a block that is stored, and one that is not', hex: answer(1, stored(words)), ...whole },
    { name: 'zstd', hex: answer(2, zstd), ...whole },
    { name: 'deflate-raw that ends too early', hex: answer(1, deflated.subarray(0, -3)) },
    { name: 'deflate-raw with a byte behind its end', hex: answer(1, Buffer.concat([deflated, Buffer.of(0)])) },
    { name: 'deflate-raw of more bytes than it says', hex: answer(1, deflated, words.byteLength - 1) },
    { name: 'deflate-raw of fewer bytes than it says', hex: answer(1, deflated, words.byteLength + 1) },
    { name: 'deflate-raw with the header of zlib', hex: answer(1, zlib.deflateSync(words)) },
    { name: 'no deflate-raw at all', hex: answer(1, Buffer.from('ff'.repeat(20), 'hex')) },
    { name: 'zstd that ends too early', hex: answer(2, zstd.subarray(0, -3)) },
    { name: 'zstd with a byte behind its end', hex: answer(2, Buffer.concat([zstd, Buffer.of(0)])) },
    { name: 'two frames of zstd', hex: answer(2, Buffer.concat([zstd, zstd]), 2 * words.byteLength) }
  ]
}

/** The beginning as it is, which a sync flush ends, the rest compressed. */
function stored(words: Buffer): Uint8Array {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(44, 1)
  head.writeUInt16LE(~44 & 0xff_ff, 3)
  return Buffer.concat([head, words.subarray(0, 44), zlib.deflateRawSync(words.subarray(44))])
}

if (import.meta.main) {
  await writeFile(FILE, `${JSON.stringify({ ...vectors(), compressed: compressed() }, undefined, 2)}\n`)
}
