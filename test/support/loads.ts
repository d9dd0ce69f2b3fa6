import type { Wire } from '../../src/core/wire.ts'
import type { Handler } from '../../src/index.ts'
import { sameBytes } from './bytes.ts'
import type { LoadOptions } from './load.ts'
import type { Rpc } from './rpc.ts'

const REQUEST = new Uint8Array(64).fill(7)

/** Calls that are answered. */
export const GOOD_CALLS: Pick<LoadOptions, 'call'> = {
  call: async rpc => {
    const answer = await rpc.send(REQUEST)
    if (!sameBytes(answer, REQUEST)) throw new Error('not the answer')
  }
}

const moody: Handler = (request, { signal }) => {
  if (request[0] === 1) throw new Error('no')
  if (request[0] === 2) return new Promise(resolve => signal.addEventListener('abort', () => resolve(request)))
  return request
}

type Kind = [code: string, call: (rpc: Rpc, signal: AbortSignal) => Promise<unknown>]

/** What each kind of call must end with. */
const kindsOf = (wire: Wire): Kind[] => [
  ['', rpc => rpc.send(Uint8Array.of(0))],
  [wire === 'plain' ? 'ERR_NO_RESPONSE' : 'ERR_REMOTE', rpc => rpc.send(Uint8Array.of(1))],
  ['ERR_TIMEOUT', rpc => rpc.send(Uint8Array.of(2), { timeout: 20 })],
  ['ERR_ABORTED', (rpc, signal) => rpc.send(Uint8Array.of(2), { signal })],
  ['ERR_PROTOCOL_UNSUPPORTED', rpc => rpc.client.send(rpc.address, '/nowhere', REQUEST)],
  ['ERR_INVALID_PEER', rpc => rpc.client.send('nobody', '/nowhere', REQUEST)]
]

/** Calls that fail in every way, between calls that are answered. */
export function failingCalls(wire: Wire): Pick<LoadOptions, 'call' | 'handler' | 'wire'> {
  const kinds = kindsOf(wire)
  return {
    wire,
    handler: moody,
    call: async (rpc, index) => {
      const [code = '', call] = kinds[index % kinds.length] ?? []
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), index % 30)
      try {
        const [outcome] = await Promise.allSettled([call?.(rpc, controller.signal)])
        const got: unknown = outcome.status === 'fulfilled' ? '' : outcome.reason.code
        if (got !== code) throw new Error(`${String(got)} instead of ${code}`)
      } finally {
        clearTimeout(timer)
      }
    }
  }
}
