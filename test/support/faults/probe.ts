import { join, u32 } from '../bytes.ts'
import { agreement } from './multistream.ts'

/** A protocol that nobody may reach who has not proved who they are. */
export const PROBE = '/probe/1'

const DATA = 0
const SYN = 1

/** A stream of PROBE as one yamux frame, which an attacker sends without waiting for anything. */
export function probeFrame(role: 'client' | 'server'): Uint8Array {
  const body = agreement(PROBE)
  const id = role === 'client' ? 1 : 2
  return join(Uint8Array.of(0, DATA, 0, SYN), u32(id), u32(body.byteLength), body)
}
