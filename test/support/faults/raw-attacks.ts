import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { bytesOf, join, KIB, MIB } from '../bytes.ts'
import { isOver, type Script } from './attacker.ts'
import { agree, type Handshake, line, PROTOCOLS } from './multistream.ts'
import { probeFrame } from './probe.ts'

/** Something an attacker sends in place of a handshake. */
export interface RawAttack {
  readonly name: string
  readonly script: Script
  /** Whether nothing but time ends it: what comes may yet become a handshake. */
  readonly waits?: boolean
}

const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 0xff)
const u24 = (value: number): Uint8Array => Uint8Array.of(value >>> 16, (value >>> 8) & 0xff, value & 0xff)

/** A TLS record; its version is what every TLS 1.3 record claims. */
function record(type: number, body: Uint8Array, length: number = body.byteLength): Uint8Array {
  return join(Uint8Array.of(type, 3, 3), u16(length), body)
}

const [ALERT, HANDSHAKE, APPLICATION] = [21, 22, 23]
const CLIENT_HELLO = 1
const SERVER_HELLO = 2

/** A hello with one extension of so many bytes, in as many records as that takes. */
function hugeHello(type: number, bytes: number): Uint8Array {
  const start = join(
    u16(0x0303),
    new Uint8Array(32),
    Uint8Array.of(0),
    type === CLIENT_HELLO ? u16(2) : Uint8Array.of()
  )
  const suite = join(u16(0x1301), type === CLIENT_HELLO ? Uint8Array.of(1, 0) : Uint8Array.of(0))
  const body = join(start, suite, u16(0xffff), u16(0xff77), u16(0xfff0), new Uint8Array(bytes))
  const message = join(Uint8Array.of(type), u24(body.byteLength), body)
  const records: Uint8Array[] = []
  for (let at = 0; at < message.byteLength; at += 16 * KIB)
    records.push(record(HANDSHAKE, message.slice(at, at + 16 * KIB)))
  return join(...records)
}

/** Sends the same again and again until the host has had enough. */
async function flood(socket: Socket, chunk: Uint8Array): Promise<void> {
  while (!isOver(socket)) {
    if (socket.write(chunk)) await new Promise(resolve => setImmediate(resolve))
    else await new Promise(resolve => socket.once('drain', resolve).once('close', resolve))
  }
}

/** One byte now and then, for as long as the host takes it. */
async function drip(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    if (isOver(socket)) return
    socket.write(Uint8Array.of(byte))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const send = (bytes: Uint8Array) => (socket: Socket) => void socket.write(bytes)

/** Attacks on the agreement about which handshake it is to be. */
const ON_AGREEMENT: readonly RawAttack[] = [
  { name: 'nothing at all', script: () => {}, waits: true },
  // Its first letter is the length of a line that is longer than all of it.
  { name: 'an HTTP request', script: send(bytesOf('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')), waits: true },
  { name: 'half a multistream header', script: send(line('/multistream/1.0.0').slice(0, 9)), waits: true },
  { name: 'a line of 1 GiB', script: send(join(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 4), new Uint8Array(KIB))) },
  { name: 'a length that never ends', script: send(new Uint8Array(64).fill(0xff)), waits: true },
  {
    name: 'a multistream header that drips',
    script: socket => drip(socket, new Uint8Array(2_000).fill(0x13)),
    waits: true
  },
  { name: 'handshakes nobody knows, without end', script: socket => askForEver(socket), waits: true }
]

async function askForEver(socket: Socket): Promise<void> {
  socket.write(line('/multistream/1.0.0'))
  await flood(socket.resume(), line('/no/such/handshake'))
}

/** Attacks behind it, whatever the handshake. */
const BEHIND_AGREEMENT: readonly RawAttack[] = [
  { name: 'one byte of garbage', script: send(Uint8Array.of(0xa5)), waits: true },
  { name: 'zeros without end', script: socket => flood(socket, new Uint8Array(64 * KIB)) },
  { name: 'garbage that drips', script: socket => drip(socket, new Uint8Array(500).fill(0x16)), waits: true },
  { name: 'a FIN', script: socket => void socket.end() },
  { name: 'a reset', script: socket => void socket.resetAndDestroy() },
  { name: 'silence', script: () => {}, waits: true }
]

const ON_TLS: readonly RawAttack[] = [
  { name: '64 KiB of garbage', script: send(new Uint8Array(64 * KIB).fill(0xa5)) },
  { name: 'a yamux frame in plaintext', script: send(probeFrame('client')) },
  { name: 'an HTTP request', script: send(bytesOf('GET / HTTP/1.1\r\n\r\n')) },
  { name: 'a record of 65,535 bytes', script: send(record(HANDSHAKE, new Uint8Array(KIB), 0xffff)) },
  { name: 'application data first', script: send(record(APPLICATION, randomBytes(100))) },
  { name: 'a fatal alert', script: send(record(ALERT, Uint8Array.of(2, 40))) },
  { name: 'a close alert', script: send(record(ALERT, Uint8Array.of(1, 0))) },
  { name: 'warnings without end', script: socket => flood(socket, record(ALERT, Uint8Array.of(1, 90))) },
  { name: 'empty records without end', script: socket => flood(socket, record(HANDSHAKE, Uint8Array.of())) },
  { name: 'a ClientHello of 60 KiB', script: send(hugeHello(CLIENT_HELLO, 60 * KIB)) },
  { name: 'a ClientHello of 1 MiB', script: send(hugeHello(CLIENT_HELLO, MIB)) },
  { name: 'a ServerHello of 60 KiB', script: send(hugeHello(SERVER_HELLO, 60 * KIB)) }
]

const ON_NOISE: readonly RawAttack[] = [
  // The first part of it may be a first message, whose payload nobody reads.
  { name: '64 KiB of garbage', script: send(new Uint8Array(64 * KIB).fill(0xa5)), waits: true },
  { name: 'a yamux frame in plaintext', script: send(probeFrame('client')), waits: true },
  { name: 'an empty message', script: send(u16(0)) },
  { name: 'a message of 31 bytes', script: send(join(u16(31), randomBytes(31))) },
  { name: 'a key that is all zeros', script: send(join(u16(32), new Uint8Array(32))), waits: true },
  {
    name: 'a message of 65,535 bytes, half of it',
    script: send(join(u16(0xffff), randomBytes(32 * KIB))),
    waits: true
  },
  { name: 'a message of 65,535 bytes', script: send(join(u16(0xffff), randomBytes(0xffff))), waits: true },
  { name: 'two messages of garbage', script: send(join(u16(32), randomBytes(32), u16(200), randomBytes(200))) },
  { name: 'empty messages without end', script: socket => flood(socket, u16(0)) }
]

/** Everything an attacker can send to a host that expects this handshake. */
export function rawAttacks(handshake: Handshake): RawAttack[] {
  const behind = [...BEHIND_AGREEMENT, ...(handshake === 'tls' ? ON_TLS : ON_NOISE)]
  return [
    ...ON_AGREEMENT.map(attack => ({ ...attack, name: `${attack.name} before the agreement` })),
    ...behind.map(attack => ({ ...attack, script: after(PROTOCOLS[handshake], attack.script) }))
  ]
}

function after(protocol: string, script: Script): Script {
  return async socket => {
    await agree(socket, protocol)
    await script(socket)
  }
}
