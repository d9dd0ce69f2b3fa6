import fc from 'fast-check'
import { Cancellation } from '../../src/core/cancellation.ts'
import { encodePairs, type Pairs } from '../../src/frame/pairs.ts'
import { type Handler, PointSubError } from '../../src/index.ts'
import { sameBytes } from './bytes.ts'
import { Random } from './random.ts'

/** What a handler does with a request. */
const DEEDS = ['answers', 'answers later', 'answers when let', 'throws', 'fails'] as const
type Deed = (typeof DEEDS)[number]

export interface SendOperation {
  readonly kind: 'send'
  readonly size: number
  readonly answerSize: number
  /** Whether the bodies are noise, which nothing makes smaller. */
  readonly noise: boolean
  readonly deed: Deed
  /** Milliseconds. */
  readonly timeout: number | undefined
}

/** What happens next. */
export type Operation =
  | SendOperation
  | { readonly kind: 'cancel' | 'let answer' | 'turns'; readonly number: number }
  | { readonly kind: 'server stops' | 'server kills' | 'client closes' | 'connection breaks' }

const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 3, arbitrary: fc.integer({ min: 2_000, max: 100_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 262_140, max: 700_000 }) }
)

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      size,
      answerSize: size,
      noise: fc.boolean(),
      deed: fc.constantFrom(...DEEDS),
      timeout: fc.option(fc.constantFrom(1, 5, 30), { freq: 6, nil: undefined })
    })
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'let answer', 'turns', 'turns'), number: fc.nat(20) })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('server stops', 'server stops', 'server kills', 'client closes', 'connection breaks')
    })
  }
)

/** A body that begins with the number of its call, filled in a way that only this call has. */
function bodyOf(tag: number, length: number, noise: boolean): Uint8Array {
  const body = new Uint8Array(4 + length)
  if (noise) {
    const words = new Uint32Array(body.buffer, 0, body.byteLength >> 2)
    const random = new Random(tag)
    const first = random.below(2 ** 32)
    for (let at = 0; at < words.length; at += 1) words[at] = Math.imul(first + at, 0x9e37_79b1) ^ (at >>> 3)
  } else {
    body.fill(tag & 255)
  }
  new DataView(body.buffer).setUint32(0, tag)
  return body
}

/** How a session ended: the peer took no more requests, or it was over at once. */
export type Ending = 'not at all' | 'gracefully' | 'at once'

/** One call of the model: what it asks, and what became of it. */
export class ModelCall {
  readonly tag: number
  readonly operation: SendOperation
  readonly cancellation: Cancellation
  readonly request: Uint8Array
  isCancelled = false
  outcome: Uint8Array | PointSubError | undefined
  /** How often the handler got it, and what was told more than once. */
  handled = 0
  metadata: Pairs[] = []

  constructor(tag: number, given: SendOperation) {
    this.tag = tag
    this.operation = given
    this.request = bodyOf(tag, given.size, given.noise)
    this.cancellation = new Cancellation(given.timeout === undefined ? {} : { timeout: given.timeout }, 'the call')
  }

  get pairs(): Uint8Array | undefined {
    return encodePairs('metadata', { tag: `${this.tag}` })
  }

  get answer(): Uint8Array {
    return bodyOf(this.tag ^ 0x0f0f, this.operation.answerSize, this.operation.noise)
  }

  cancel(): void {
    if (this.outcome === undefined) this.isCancelled = true
    this.cancellation.cancel(new PointSubError('ERR_ABORTED', 'the model has cancelled it'))
  }

  /** What is wrong with what became of it, if something is. @param ending how its session ended under it, if it did */
  check(ending: Ending): string | undefined {
    const { outcome, handled, metadata } = this
    if (outcome === undefined) return 'it did not end'
    if (handled > 1) return `its handler ran ${handled} times`
    if (outcome instanceof Uint8Array) {
      if (!sameBytes(outcome, this.answer)) return 'it got another answer than its own'
      return metadata.length === 1 && metadata[0]?.['tag'] === `${this.tag}` ? undefined : 'it got other metadata'
    }
    const { code, sent, remote, details } = outcome
    if (sent !== true && sent !== false) return `${code} does not say whether it was sent`
    if (!sent && handled > 0) return `${code} says that it was not sent, and its handler ran`
    if (code === 'ERR_MODEL' && remote && this.operation.deed === 'fails') {
      return details?.['tag'] === `${this.tag}` ? undefined : 'it got the details of another failure'
    }
    if (code === 'ERR_REMOTE' && this.operation.deed === 'throws') return undefined
    if (this.isCancelled || this.operation.timeout !== undefined || ending === 'at once') return undefined
    // What a server has taken it answers, also when it takes no more.
    if (ending === 'gracefully' && !sent && /^ERR_(SERVER|STREAM)_CLOSED$/.test(code)) return undefined
    // Before the HELLO is there a client may send more than the server takes; then it is told so.
    return code === 'ERR_OVERLOADED' && !sent ? undefined : `it failed for no reason: ${String(outcome)} sent ${sent}`
  }
}

/** The answering side: does what each request says, and lets those that wait go on in any order. */
export class ModelHandler {
  readonly #calls: Map<number, ModelCall>
  #held: (() => void)[] = []
  #isOver = false
  /** What should never have happened. */
  readonly wrong: string[] = []

  constructor(calls: Map<number, ModelCall>) {
    this.#calls = calls
  }

  readonly handle: Handler = (request, { metadata, responseMetadata, signal }) => {
    const tag = new DataView(request.buffer, request.byteOffset).getUint32(0)
    const call = this.#calls.get(tag)
    if (call === undefined || !sameBytes(request, call.request) || metadata['tag'] !== `${tag}`) {
      this.wrong.push(`a request came that nobody sent: ${tag} with ${request.byteLength} bytes`)
      return request
    }
    call.handled += 1
    responseMetadata['tag'] = `${tag}`
    const { deed } = call.operation
    if (deed === 'throws') throw new Error('as I was told')
    if (deed === 'fails') throw new PointSubError('ERR_MODEL', 'as I was told', { details: { tag: `${tag}` } })
    if (deed === 'answers') return call.answer
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    const proceed = (): void => resolve(call.answer)
    if (deed === 'answers later' || this.#isOver) setImmediate(proceed)
    else this.#held.push(proceed)
    if (tag % 2 === 0) signal.addEventListener('abort', proceed)
    return promise
  }

  /** Lets one answer that waits. */
  letOne(number: number): void {
    const [proceed] = this.#held.splice(number % Math.max(1, this.#held.length), 1)
    proceed?.()
  }

  /** Lets all that wait, and will. */
  letAll(): void {
    this.#isOver = true
    for (const proceed of this.#held.splice(0)) proceed()
  }
}
