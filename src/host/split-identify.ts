import { identify, identifyPush } from '@libp2p/identify'
import type { Connection, Stream, StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import { concat } from '../core/bytes.ts'
import { override } from './override.ts'

/** Peers refuse an identify message of more than 8 KiB; some room is left for what they count besides the body. */
const MAX_MESSAGE = 8 * 1024 - 64
/** What this side accepts in one message: a stock js-libp2p peer with many protocols sends just one. */
const MAX_INCOMING = 64 * 1024

type IdentifyFactory = ReturnType<typeof identify>
type PushFactory = ReturnType<typeof identifyPush>

/**
 * libp2p's identify, with its message sent in parts once it is longer than peers accept (8 KiB, some 200 protocols).
 * The identify specification lets a message be split this way, and go-libp2p and js-libp2p merge the parts.
 */
export function splitIdentify(): IdentifyFactory {
  const create = identify({ maxMessageSize: MAX_INCOMING })
  return components =>
    create(
      override(components, 'registrar', registrar =>
        override(
          registrar,
          'handle',
          () => (id: string, handler: StreamHandler, options?: StreamHandlerOptions) =>
            registrar.handle(id, (stream, connection) => handler(splitting(stream), connection), options)
        )
      )
    )
}

/** libp2p's identify push, likewise. */
export function splitIdentifyPush(options: Parameters<typeof identifyPush>[0] = {}): PushFactory {
  const create = identifyPush({ ...options, maxMessageSize: MAX_INCOMING })
  return components =>
    create(
      override(components, 'connectionManager', manager =>
        override(
          manager,
          'getConnections',
          () =>
            (...args: Parameters<typeof manager.getConnections>) =>
              manager.getConnections(...args).map(connection =>
                override(
                  connection,
                  'newStream',
                  () =>
                    async (...open: Parameters<Connection['newStream']>) =>
                      splitting(await connection.newStream(...open))
                )
              )
        )
      )
    )
}

function splitting(stream: Stream): Stream {
  return override(stream, 'send', () => data => {
    const message = data instanceof Uint8Array ? data : data.subarray()
    const parts = splitMessage(message)
    return parts === undefined ? stream.send(data) : stream.send(parts)
  })
}

/**
 * A length-prefixed protobuf message as several, each at most 8 KiB: the fields of the first and those of the second
 * together mean what they meant in one message. undefined when it is short enough, or not one whole message.
 */
export function splitMessage(message: Uint8Array, maxBytes: number = MAX_MESSAGE): Uint8Array | undefined {
  const [length, start] = readVarint(message, 0)
  if (length <= maxBytes || message.byteLength !== start + length) return undefined
  const parts: Uint8Array[] = []
  let from = start
  let to = start
  while (to < message.byteLength) {
    const next = endOfField(message, to)
    if (next - from > maxBytes && to > from) {
      parts.push(varint(to - from), message.subarray(from, to))
      from = to
    }
    to = next
  }
  parts.push(varint(to - from), message.subarray(from, to))
  return concat(
    parts,
    parts.reduce((sum, part) => sum + part.byteLength, 0)
  )
}

/** Where the protobuf field that starts at `offset` ends. */
function endOfField(bytes: Uint8Array, offset: number): number {
  const [tag, value] = readVarint(bytes, offset)
  switch (tag & 7) {
    case 0:
      return readVarint(bytes, value)[1]
    case 1:
      return value + 8
    case 2: {
      const [length, start] = readVarint(bytes, value)
      return start + length
    }
    default:
      return value + 4
  }
}

/** The value at `offset` and the offset behind it. */
function readVarint(bytes: Uint8Array, offset: number): [value: number, next: number] {
  let value = 0
  for (let shift = 0, at = offset; at < bytes.byteLength; shift += 7, at += 1) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return [value, at + 1]
  }
  return [0, bytes.byteLength]
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
