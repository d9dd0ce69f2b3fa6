import { describe } from 'vitest'
import { stride } from '../support/scale.ts'
import { cutEverywhere, spoilEverywhere } from '../support/faults/tamper-table.ts'

const EVERY_FAULT = ['fin', 'reset', 'silence', 'flip', 'garbage'] as const

// What the system tests do at some of the bytes, or with some of the faults, is done here with all at all of them.
describe.each(['tls', 'tls over a stream', 'noise'] as const)('a handshake of %s', way => {
  describe.each(['fin', 'reset'] as const)('cut by %s', fault => {
    cutEverywhere(way, [fault], stride())
  })

  describe.each(EVERY_FAULT.slice(2))('spoilt by %s', fault => {
    spoilEverywhere(way, [fault], stride())
  })
})
