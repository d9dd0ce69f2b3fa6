import { deflateRawSync } from 'node:zlib'
import type { MuxFrame, Settings } from '../../src/frame/mux.ts'
import { encodeMuxFrame } from '../../src/frame/mux-encode.ts'
import { join, u32 } from './bytes.ts'
import type { Random } from './random.ts'
import { answerOf, bodyOf, requestOf } from './raw-mux.ts'

/** What one side of a session sends, frame by frame. */
export interface Conversation {
  readonly control: Uint8Array[]
  readonly data: Uint8Array[]
}

/** What a body begins with tells a handler what to do. */
export const DEEDS = ['answer', 'answer later', 'fail', 'wait for the signal', 'answer much'] as const

function bodyFor(random: Random, deed: number, most: number): Uint8Array {
  const body = new Uint8Array(1 + random.below(most)).fill(random.below(256))
  body[0] = deed
  return body
}

function metadataFor(random: Random): Record<string, string> | undefined {
  return random.chance(0.3) ? { tenant: 'a', trace: 'x'.repeat(random.below(50)) } : undefined
}

function settingsFor(random: Random): Settings {
  return {
    ...(random.chance(0.5) && { encodings: random.pick([1, 3]) }),
    ...(random.chance(0.3) && { maxBody: random.pick([0, 100, 1_000_000]) }),
    ...(random.chance(0.7) && { credit: random.pick([0, 1_000, 1_048_576]) })
  }
}

/** A message in the ways it can be sent. */
function sendMessage(
  random: Random,
  { control, data }: Conversation,
  body: Uint8Array,
  make: (
    body: Uint8Array,
    more: { encoding: 0 | 1; size: number; large: boolean }
  ) => MuxFrame & { readonly id: number }
): void {
  const deflated = random.chance(0.3) ? new Uint8Array(deflateRawSync(body)) : body
  const encoding = deflated.byteLength < body.byteLength ? 1 : 0
  const sent = encoding === 1 ? deflated : body
  const fields = { encoding, size: body.byteLength } as const
  if (random.chance(0.7)) {
    control.push(encodeMuxFrame(make(sent, { ...fields, large: false })))
    return
  }
  const head = make(new Uint8Array(0), { ...fields, large: true })
  data.push(encodeMuxFrame(head))
  const step = Math.max(1, Math.ceil(sent.byteLength / (1 + random.below(3))))
  for (let at = 0; at < sent.byteLength; at += step) {
    const last = at + step >= sent.byteLength
    data.push(encodeMuxFrame(bodyOf(head.id, sent.slice(at, at + step), last)))
  }
}

/** What a client may well send, both HELLOs included. */
export function clientConversation(random: Random, token: Uint8Array): Conversation {
  const said: Conversation = { control: [], data: [] }
  const add = (frame: MuxFrame): unknown => said.control.push(encodeMuxFrame(frame))
  add({ type: 'hello', stream: 'control', token, settings: settingsFor(random) })
  said.data.push(encodeMuxFrame({ type: 'hello', stream: 'data', token, settings: {} }))
  const calls = 1 + random.below(5)
  for (let id = 1; id <= calls; id += 1) {
    const body = bodyFor(random, random.below(DEEDS.length), 400)
    const timeout = random.pick([0, 0, 1, 20])
    const metadata = metadataFor(random)
    sendMessage(random, said, body, (sent, more) => requestOf(id, sent, { timeout, metadata, ...more }))
    if (random.chance(0.3)) add({ type: 'cancel', id: 1 + random.below(id) })
    if (random.chance(0.2)) add({ type: 'credit', bytes: random.below(100_000) })
  }
  if (random.chance(0.2)) add({ type: 'ping', bytes: token })
  return said
}

/** What a server may well send to a client that has sent so many requests. */
export function serverConversation(random: Random, token: Uint8Array, calls: number): Conversation {
  const said: Conversation = { control: [], data: [] }
  const add = (frame: MuxFrame): unknown => said.control.push(encodeMuxFrame(frame))
  add({
    type: 'hello',
    stream: 'control',
    token,
    settings: { ...settingsFor(random), maxRequests: 1 + random.below(10) }
  })
  said.data.push(encodeMuxFrame({ type: 'hello', stream: 'data', token, settings: {} }))
  if (random.chance(0.4)) add({ type: 'want' })
  for (let id = 1; id <= calls; id += 1) {
    if (random.chance(0.2)) {
      const flags = { retryable: random.chance(0.5), notProcessed: random.chance(0.5) }
      const rest = { code: random.pick(['ERR_X', 'ERR_SERVER_CLOSED']), message: 'no', details: metadataFor(random) }
      add({ type: 'error', id, ...flags, retryAfter: random.below(10), ...rest })
    } else {
      const metadata = metadataFor(random)
      sendMessage(random, said, bodyFor(random, id, 400), (sent, more) => answerOf(id, sent, { metadata, ...more }))
    }
    if (random.chance(0.2)) add({ type: 'credit', bytes: random.below(100_000) })
    if (random.chance(0.1)) add({ type: 'ping', bytes: token })
  }
  if (random.chance(0.2)) add({ type: 'goaway', reason: random.below(4) })
  return said
}

type Mutation = (random: Random, frames: Uint8Array[], at: number, other: Uint8Array[]) => void

/** A frame with something done to it, in its place. */
const change =
  (how: (random: Random, frame: Uint8Array) => Uint8Array): Mutation =>
  (random, frames, at) => {
    const frame = frames[at]
    if (frame !== undefined && frame.byteLength > 0) frames[at] = how(random, frame.slice())
  }

const MUTATIONS: readonly Mutation[] = [
  change((random, frame) => {
    const at = random.below(frame.byteLength)
    frame[at] = (frame[at] ?? 0) ^ (1 << random.below(8))
    return frame
  }),
  change((random, frame) => {
    frame[random.below(frame.byteLength)] = random.pick([0, 1, 2, 3, 4, 127, 128, 255])
    return frame
  }),
  // The fields of a head are where the decisions are.
  change((random, frame) => {
    frame[random.below(Math.min(24, frame.byteLength))] = random.below(256)
    return frame
  }),
  change((random, frame) => frame.slice(0, random.below(frame.byteLength))),
  change((random, frame) => {
    const at = random.below(frame.byteLength)
    return join(frame.slice(0, at), random.bytes(1 + random.below(20)), frame.slice(at))
  }),
  // The same, with a length that is right again.
  change((random, frame) => {
    const cut = frame.slice(4, 4 + random.below(frame.byteLength))
    return join(u32(cut.byteLength), cut)
  }),
  change((random, frame) => {
    const more = join(frame.slice(4), random.bytes(1 + random.below(20)))
    return join(u32(more.byteLength), more)
  }),
  change((random, frame) => {
    const length = random.pick([0, 1, frame.byteLength - 5, frame.byteLength - 3, 327_680, 327_681, 0xff_ff_ff_ff])
    frame.set(u32(Math.max(0, length)).slice(0, frame.byteLength))
    return frame
  }),
  (_, frames, at) => frames.splice(at, 1),
  (_, frames, at) => frames.splice(at, 0, ...frames.slice(at, at + 1)),
  (random, frames, at) => frames.splice(random.below(frames.length), 0, ...frames.splice(at, 1)),
  (random, frames, at, other) => other.splice(random.below(other.length + 1), 0, ...frames.splice(at, 1)),
  (random, frames, at, other) => other.splice(random.below(other.length + 1), 0, ...frames.slice(at, at + 1)),
  (random, frames, at) => frames.splice(at, 0, random.bytes(random.below(40))),
  (_, frames, at) => frames.splice(at)
]

/** Breaks a conversation in one to four places. */
export function mutate(random: Random, said: Conversation): void {
  const mutations = 1 + random.below(4)
  for (let count = 0; count < mutations; count += 1) {
    const [frames, other] = random.chance(0.6) ? [said.control, said.data] : [said.data, said.control]
    if (frames.length > 0) random.pick(MUTATIONS)(random, frames, random.below(frames.length), other)
  }
}
