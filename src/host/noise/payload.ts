import { reader, writer } from 'protons-runtime'
import { EMPTY } from './cipher.ts'

/** Things that a repeated field of a payload may hold; those of real peers hold a few. */
const MOST_REPEATED = 100

const LENGTH_DELIMITED = 2
const [START_GROUP, END_GROUP] = [3, 4]

/** The `NoiseExtensions` of the libp2p specification. */
export interface Extensions {
  webtransportCerthashes: Uint8Array[]
  streamMuxers: string[]
}

/** The `NoiseHandshakePayload` of the libp2p specification, dep2p's as well. */
export interface Payload {
  /** The sender's public key as a protobuf. */
  identityKey: Uint8Array
  /** The sender's signature of its static key. */
  identitySig: Uint8Array
  extensions?: Extensions
}

const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED

export function encodePayload({ identityKey, identitySig, extensions }: Payload): Uint8Array {
  const out = writer()
  out.uint32(tag(1)).bytes(identityKey).uint32(tag(2)).bytes(identitySig)
  if (extensions !== undefined) {
    out.uint32(tag(4)).fork()
    for (const hash of extensions.webtransportCerthashes) out.uint32(tag(1)).bytes(hash)
    for (const muxer of extensions.streamMuxers) out.uint32(tag(2)).string(muxer)
    out.ldelim()
  }
  return out.finish()
}

/**
 * Reads what a peer sent. As protobuf has it, fields that are not known, or not of their type, are passed over, the last
 * of several counts, and messages are merged.
 *
 * @throws Error when it is cut off, has no key or no signature, or repeats a field too often
 */
export function decodePayload(bytes: Uint8Array): Payload {
  const payload: Payload = { identityKey: EMPTY, identitySig: EMPTY }
  for (const [field, value] of fields(bytes)) {
    if (field === 1) payload.identityKey = value
    else if (field === 2) payload.identitySig = value
    else if (field === 4) {
      payload.extensions ??= { webtransportCerthashes: [], streamMuxers: [] }
      readExtensions(value, payload.extensions)
    }
  }
  if (payload.identityKey.byteLength === 0) throw new Error('the payload has no identity key')
  if (payload.identitySig.byteLength === 0) throw new Error('the payload has no signature')
  return payload
}

function readExtensions(bytes: Uint8Array, { webtransportCerthashes, streamMuxers }: Extensions): void {
  const text = new TextDecoder()
  for (const [field, value] of fields(bytes)) {
    if (field === 1) webtransportCerthashes.push(value)
    else if (field === 2) streamMuxers.push(text.decode(value))
    if (Math.max(webtransportCerthashes.length, streamMuxers.length) > MOST_REPEATED) {
      throw new Error(`the payload has more than ${MOST_REPEATED} extensions of a kind`)
    }
  }
}

/** The fields that hold bytes; a payload has no others. */
function* fields(bytes: Uint8Array): Generator<[field: number, value: Uint8Array]> {
  const input = reader(bytes)
  while (input.pos < input.len) {
    const next = input.uint32()
    const [field, type] = [next >>> 3, next & 7]
    // Groups are long gone from protobuf, and nest as deep as there are bytes.
    if (field === 0 || type === START_GROUP || type === END_GROUP) throw new Error('the payload is not a protobuf')
    if (type === LENGTH_DELIMITED) yield [field, input.bytes()]
    else input.skipType(type)
  }
}
