import { describe, expect, it } from 'vitest'
import { KIB } from '../../support/bytes.ts'
import { Rpc } from '../../support/rpc.ts'

describe('the bytes that a handler has returned', () => {
  it.for([
    { kind: 'a Uint8Array', scratch: new Uint8Array(100 * KIB) },
    // Whose slice() is no copy.
    { kind: 'a Buffer', scratch: Buffer.alloc(100 * KIB) }
  ])('are its own again at once: $kind', async ({ scratch }) => {
    const handler = ([first = 0]: Uint8Array): Uint8Array => scratch.fill(first)
    await using rpc = await Rpc.create({ wire: 'mux', handler, serverOptions: { enableCompression: false } })
    await rpc.send(Uint8Array.of(0))
    const answers = await Promise.all([1, 2, 3, 4, 5].map(number => rpc.send(Uint8Array.of(number))))
    expect(answers.map(([first]) => first)).toEqual([1, 2, 3, 4, 5])
  })
})
