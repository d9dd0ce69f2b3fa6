import fc from 'fast-check'
import { join } from './bytes.ts'
import { hostileChunks } from './chunks.ts'
import type { RawStream } from './raw.ts'
import { turn } from './until.ts'

/** How a hostile peer goes on after its bytes: FIN, reset, or nothing at all. */
type Ending = 'fin' | 'reset' | 'silence'

/** Bytes that mean harm, and how they are sent. */
export interface Attack {
  chunks: Uint8Array[]
  ending: Ending
  /** Every chunk in a turn of the event loop of its own. */
  slowly: boolean
}

export function attacks(maxBytes: number): fc.Arbitrary<Attack> {
  const byteByByte = hostileChunks(maxBytes).map(chunks =>
    Array.from(join(...chunks).slice(0, 100), byte => Uint8Array.of(byte))
  )
  return fc.record({
    chunks: fc.oneof({ weight: 9, arbitrary: hostileChunks(maxBytes) }, { weight: 1, arbitrary: byteByByte }),
    ending: fc.constantFrom<Ending>('fin', 'reset', 'silence'),
    slowly: fc.boolean()
  })
}

/** What the bytes of an attack are: whole messages, then an end within a message, a message too large, or neither. */
export interface Meaning {
  bodies: Uint8Array[]
  rest: 'nothing' | 'unfinished' | 'too large'
}

/** An independent reading of the plain wire. */
export function meaningOf(chunks: readonly Uint8Array[], maxBytes: number): Meaning {
  const wire = join(...chunks)
  const view = new DataView(wire.buffer, wire.byteOffset, wire.byteLength)
  const bodies: Uint8Array[] = []
  let at = 0
  while (at < wire.byteLength) {
    if (at + 4 > wire.byteLength) return { bodies, rest: 'unfinished' }
    const length = view.getUint32(at)
    if (length > maxBytes) return { bodies, rest: 'too large' }
    if (at + 4 + length > wire.byteLength) return { bodies, rest: 'unfinished' }
    bodies.push(wire.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { bodies, rest: 'nothing' }
}

/** Sends an attack on a stream, as far as the other side lets it. */
export async function attack(raw: RawStream, { chunks, ending, slowly }: Attack): Promise<void> {
  for (const chunk of chunks) {
    raw.send(chunk)
    if (slowly) await turn()
  }
  if (raw.isOver) return
  if (ending === 'reset') raw.stream.abort(new Error('hostile'))
  if (ending === 'fin') await raw.stream.close()
}

/** Runs `check`; what it throws tells which attack it was. */
export async function telling(hostile: Attack, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (cause) {
    const chunks = hostile.chunks.map(chunk => Buffer.from(chunk).toString('hex'))
    throw new Error(`${String(cause)}\nat the attack ${JSON.stringify({ ...hostile, chunks })}`, { cause })
  }
}

/** Throws what a property threw, with the seed that shows it again. */
export function told<T>({ errorInstance, seed }: fc.RunDetails<T>): void {
  if (errorInstance !== null && errorInstance !== undefined) throw new Error(`seed ${seed}`, { cause: errorInstance })
}
