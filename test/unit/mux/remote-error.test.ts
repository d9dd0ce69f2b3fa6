import { describe, expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { decodeMuxFrame } from '../../../src/frame/mux-decode.ts'
import { encodeMuxFrame } from '../../../src/frame/mux-encode.ts'
import { errorOf, failureOf } from '../../../src/mux/remote-error.ts'

const NAMES = { peer: '12D3KooW', protocol: '/x/1' }

/** What a caller gets of what was thrown at the other side. */
function across(cause: unknown, init?: Parameters<typeof failureOf>[2]): PointSubError {
  const frame = decodeMuxFrame(encodeMuxFrame(failureOf(7, cause, init)).subarray(4))
  if (frame?.type !== 'error') throw new Error('no ERROR')
  return errorOf(frame, NAMES)
}

describe('an error on its way to the caller', () => {
  it('arrives as it was when it is a PointSubError, with the names of this call', () => {
    const details = { why: 'too hot', 'at.degrees': '93' }
    const thrown = new PointSubError('ERR_KETTLE', 'the kettle is off', {
      peer: 'somebody else',
      protocol: '/inner',
      sent: false,
      retryable: true,
      retryAfter: 12.5,
      details
    })
    expect(Object.fromEntries(Object.entries(across(thrown)))).toEqual({
      name: 'PointSubError',
      code: 'ERR_KETTLE',
      peer: '12D3KooW',
      protocol: '/x/1',
      sent: true,
      remote: true,
      retryable: true,
      retryAfter: 13,
      details
    })
    expect(across(thrown).message).toBe('the kettle is off')
  })

  it.each([
    new TypeError('password: 1234'),
    'a text',
    undefined,
    null,
    { code: 'ERR_X' },
    new PointSubError('ERR_ x', 'secret')
  ])('says nothing of %s', thrown => {
    const error = across(thrown)
    expect(error.code).toBe('ERR_REMOTE')
    expect(error.message).toBe('the handler of the peer failed')
    expect(error).toMatchObject({ remote: true, retryable: false, sent: true, details: undefined })
  })

  it('says that nothing was processed only when the server does', () => {
    expect(across(new PointSubError('ERR_OVERLOADED', 'no'), { notProcessed: true }).sent).toBe(false)
    expect(across(new PointSubError('ERR_OVERLOADED', 'no', { sent: false })).sent).toBe(true)
  })

  it('leaves details behind that cannot be sent, and numbers that are none', () => {
    const thrown = new PointSubError('ERR_X', 'x', { details: { 'No Name': 'x' }, retryAfter: Number.NaN })
    expect(across(thrown)).toMatchObject({ code: 'ERR_X', details: undefined, retryAfter: undefined })
    expect(across(new PointSubError('ERR_X', 'x', { retryAfter: Number.POSITIVE_INFINITY })).retryAfter).toBe(
      2 ** 32 - 1
    )
  })
})
