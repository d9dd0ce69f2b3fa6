import { type Answer, type MuxFrame, type Request, TYPE } from '../../src/frame/mux.ts'
import { encodeMuxFrame } from '../../src/frame/mux-encode.ts'
import type { Side, StreamName } from './conversations.ts'
import { TOKEN } from './frames.ts'
import { hex, pattern } from './json.ts'

/** A frame that breaks the wire by itself, whoever sends it. */
export type BadFrame = {
  readonly name: string
  readonly hex: string
}

/** What one side sends, from its first byte on each stream; the last of it breaks the wire. */
export type BadSession = {
  readonly name: string
  readonly from: Side
  readonly on: StreamName
  readonly control: string
  readonly data: string
}

const NONE = new Uint8Array(0)
const NO_PAIRS = '0000'
const PLAIN = { encoding: 0, large: false, metadata: undefined } as const
const ID = '00000001'

const u8 = (value: number): string => value.toString(16).padStart(2, '0')
const u16 = (value: number): string => value.toString(16).padStart(4, '0')
const u32 = (value: number): string => value.toString(16).padStart(8, '0')
/** A frame of a type, from what stands behind it. */
const frame = (type: keyof typeof TYPE | number, rest: string): string =>
  u32(1 + rest.length / 2) + u8(typeof type === 'number' ? type : TYPE[type]) + rest
const helloWith = (rest: string): string => frame('hello', `00${hex(TOKEN)}${rest}`)
const requestWith = (flags: number, size: number, rest: string): string =>
  frame('request', ID + u8(flags) + u32(0) + u32(size) + rest)
const errorWith = (flags: number, code: string, rest: string): string =>
  frame('error', ID + u8(flags) + u32(0) + u8(code.length) + Buffer.from(code).toString('hex') + rest)
const pair = (name: string, text: string): string => u8(name.length / 2) + name + u16(text.length / 2) + text
const pairs = (...each: string[]): string => u16(each.join('').length / 2) + each.join('')
const A = '61'

export const BAD_FRAMES: readonly BadFrame[] = (
  [
    ['a length of 0', u32(0)],
    ['a length above 327,680', u32(327_681)],
    ['a type below 128 that there is not', frame(11, '')],
    ['the last of these', frame(127, '00')],
    ['a HELLO that ends within its token', frame('hello', '00deadbeef')],
    ['a HELLO of a third stream', frame('hello', `02${hex(TOKEN)}`)],
    ['a HELLO that ends within a setting', helloWith('02000010')],
    ['a setting twice', helloWith('02000010000200001000')],
    ['a setting twice that is not known', helloWith('c800000001c800000001')],
    ['a HELLO without deflate-raw', helloWith('0100000002')],
    ['a HELLO that allows no request', helloWith('0300000000')],
    ['a REQUEST that ends within its size', frame('request', `${ID}00${u32(0)}0000`)],
    ['a REQUEST without pairs', requestWith(0, 0, '')],
    ['a REQUEST whose pairs are longer than it is', requestWith(0, 0, '000a0161')],
    ['a REQUEST in the encoding 3', requestWith(3, 9, NO_PAIRS)],
    ['a REQUEST with a flag that there is not', requestWith(8, 0, NO_PAIRS)],
    ['a large REQUEST with a body in it', requestWith(4, 1, `${NO_PAIRS}ff`)],
    ['a REQUEST with a shorter body than it says', requestWith(0, 2, `${NO_PAIRS}ff`)],
    ['a REQUEST with a longer body than it says', requestWith(0, 0, `${NO_PAIRS}ff`)],
    ['a REQUEST whose encoded body is as long as the one before', requestWith(1, 1, `${NO_PAIRS}ff`)],
    ['a pair without a name', requestWith(0, 0, pairs(pair('', A)))],
    ['a pair with a name of 65 characters', requestWith(0, 0, pairs(pair(A.repeat(65), A)))],
    ['a pair with a capital in its name', requestWith(0, 0, pairs(pair('41', A)))],
    ['two pairs of one name', requestWith(0, 0, pairs(pair(A, A), pair(A, '62')))],
    ['a pair that ends within its text', requestWith(0, 0, '00050161000261')],
    ['a text that is not UTF-8', requestWith(0, 0, pairs(pair(A, 'c0af')))],
    ['half a surrogate pair in UTF-8', requestWith(0, 0, pairs(pair(A, 'eda080')))],
    ['pairs of more than 8,192 bytes', requestWith(0, 0, pairs(pair(A, A.repeat(8_189))))],
    ['an ANSWER that ends within its id', frame('answer', '000001')],
    ['an ERROR without a code', errorWith(0, '', `0000${NO_PAIRS}`)],
    ['an ERROR with a code that does not begin with ERR_', errorWith(0, 'FAILED', `0000${NO_PAIRS}`)],
    ['an ERROR with small letters in its code', errorWith(0, 'ERR_x', `0000${NO_PAIRS}`)],
    ['an ERROR with a code of 65 characters', errorWith(0, `ERR_${'A'.repeat(61)}`, `0000${NO_PAIRS}`)],
    ['an ERROR with a flag that there is not', errorWith(4, 'ERR_X', `0000${NO_PAIRS}`)],
    ['an ERROR whose message is not UTF-8', errorWith(0, 'ERR_X', `0001ff${NO_PAIRS}`)],
    ['an ERROR with a message of 4,097 bytes', errorWith(0, 'ERR_X', u16(4_097) + A.repeat(4_097) + NO_PAIRS)],
    ['an ERROR without pairs', errorWith(0, 'ERR_X', '0000')],
    ['an ERROR with a byte behind its end', errorWith(0, 'ERR_X', `0000${NO_PAIRS}00`)],
    ['a CANCEL that is too long', frame('cancel', `${ID}00`)],
    ['a BODY without flags', frame('body', ID)],
    ['a BODY with a flag that there is not', frame('body', `${ID}02ff`)],
    ['a CREDIT that is too short', frame('credit', '0001')],
    ['a GOAWAY without a reason', frame('goaway', '')],
    ['a PING of 7 bytes', frame('ping', '00'.repeat(7))],
    ['a PONG of 9 bytes', frame('pong', '00'.repeat(9))],
    ['a WANT with a byte too many', frame('want', '00')]
  ] as const
).map(([name, bytes]) => ({ name, hex: bytes }))

const write = (...frames: MuxFrame[]): string => frames.map(each => hex(encodeMuxFrame(each))).join('')
const hello = (stream: StreamName, token = TOKEN): MuxFrame => ({ type: 'hello', stream, token, settings: {} })
const request = (id: number): Request => ({ type: 'request', id, timeout: 0, size: 0, body: NONE, ...PLAIN })
const large: MuxFrame = { ...request(1), size: 9, large: true }
const answer = (id: number): Answer => ({ type: 'answer', id, size: 0, body: NONE, ...PLAIN })
const largeAnswer: MuxFrame = { ...answer(1), size: 9, large: true }
const failure: MuxFrame = {
  type: 'error',
  id: 1,
  code: 'ERR_X',
  message: '',
  retryable: false,
  notProcessed: false,
  retryAfter: 0,
  details: undefined
}
const ping: MuxFrame = { type: 'ping', bytes: pattern(8) }
const pong: MuxFrame = { type: 'pong', bytes: pattern(8) }
const body: MuxFrame = { type: 'body', id: 1, last: false, bytes: NONE }

const onControl = (name: string, from: Side, ...frames: MuxFrame[]): BadSession => ({
  name,
  from,
  on: 'control',
  control: write(...frames),
  data: ''
})
const onData = (name: string, from: Side, ...frames: MuxFrame[]): BadSession => ({
  name,
  from,
  on: 'data',
  control: write(hello('control')),
  data: write(...frames)
})

export const BAD_SESSIONS: readonly BadSession[] = [
  onControl('a REQUEST before the HELLO', 'client', request(1)),
  onControl('a second HELLO', 'client', hello('control'), hello('control')),
  onControl('the id of a request in flight', 'client', hello('control'), request(1), request(1)),
  onControl('a large REQUEST on the control stream', 'client', hello('control'), large),
  onControl('an ANSWER from a client', 'client', hello('control'), answer(1)),
  onControl('an ERROR from a client', 'client', hello('control'), failure),
  onControl('a GOAWAY from a client', 'client', hello('control'), { type: 'goaway', reason: 0 }),
  onControl('a WANT from a client', 'client', hello('control'), { type: 'want' }),
  onControl('a BODY on the control stream', 'client', hello('control'), body),
  onControl('a PONG to no PING', 'client', hello('control'), pong),
  onData('a HELLO of the control stream on the data stream', 'client', hello('data'), hello('control')),
  onData('a small REQUEST on the data stream', 'client', hello('data'), request(1)),
  onData('a CREDIT on the data stream', 'client', hello('data'), { type: 'credit', bytes: 1 }),
  onData('a PING on the data stream', 'client', hello('data'), ping),
  onData('the id of a large request in flight', 'client', hello('data'), large, large),
  onControl('an ANSWER before the HELLO', 'server', answer(1)),
  onControl('a HELLO with another token', 'server', hello('control', pattern(8))),
  onControl('a HELLO of the data stream on the control stream', 'server', hello('data')),
  onControl('a second HELLO', 'server', hello('control'), hello('control')),
  onControl('a REQUEST from a server', 'server', hello('control'), request(1)),
  onControl('a CANCEL from a server', 'server', hello('control'), { type: 'cancel', id: 1 }),
  onControl('a large ANSWER on the control stream', 'server', hello('control'), largeAnswer),
  onControl('an ANSWER to an id that was never used', 'server', hello('control'), answer(2)),
  onControl('a PONG to no PING', 'server', hello('control'), pong),
  onControl('a BODY on the control stream', 'server', hello('control'), body)
]
