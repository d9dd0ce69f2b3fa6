import { describe, expect, it } from 'vitest'
import { messageOf, nameOf, PointSubError } from '../../../src/core/errors.ts'

const PEER = '12D3KooWH7MH6RUcU9NUyvpsDnFcGAanqMbr5kGpwvXoPBFAvWqp'

describe('a PointSubError', () => {
  it('is an Error with a code, a message and a stack', () => {
    const error = new PointSubError('ERR_TIMEOUT', 'too slow')
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'PointSubError', code: 'ERR_TIMEOUT', message: 'too slow' })
    expect(String(error)).toBe('PointSubError: too slow')
    expect(error.stack).toContain('errors.test.ts')
  })

  it('knows nothing more unless told', () => {
    const error = new PointSubError('ERR_TIMEOUT', 'too slow')
    expect(error.peer).toBeUndefined()
    expect(error.protocol).toBeUndefined()
    expect(error.sent).toBeUndefined()
    expect('cause' in error).toBe(false)
  })

  it('carries cause, peer, protocol and whether the request may have left', () => {
    const cause = new Error('below')
    const error = new PointSubError('ERR_STREAM_RESET', 'gone', { cause, peer: PEER, protocol: '/echo', sent: false })
    expect(error.cause).toBe(cause)
    expect(error).toMatchObject({ peer: PEER, protocol: '/echo', sent: false })
  })

  it('keeps a cause that is undefined apart from none', () => {
    expect('cause' in new PointSubError('ERR_ABORTED', 'x', { cause: undefined })).toBe(true)
  })
})

describe('with()', () => {
  it('adds what was not known and keeps code and message', () => {
    const error = new PointSubError('ERR_TIMEOUT', 'too slow').with({ peer: PEER, protocol: '/echo', sent: false })
    expect(error).toBeInstanceOf(PointSubError)
    expect(error).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: 'too slow',
      peer: PEER,
      protocol: '/echo',
      sent: false
    })
  })

  it('keeps what was known', () => {
    const known = new PointSubError('ERR_TIMEOUT', 'x', { peer: 'one', protocol: '/one', sent: true })
    expect(known.with({ peer: 'two', protocol: '/two', sent: false })).toBe(known)
    const half = new PointSubError('ERR_TIMEOUT', 'x', { sent: false })
    expect(half.with({ peer: 'two', sent: true })).toMatchObject({ peer: 'two', sent: false })
  })

  it('leaves the error it is called on alone', () => {
    const error = new PointSubError('ERR_TIMEOUT', 'too slow')
    error.with({ peer: PEER })
    expect(error.peer).toBeUndefined()
  })

  it('keeps the cause, or becomes the cause itself so that the first stack is not lost', () => {
    const cause = new Error('below')
    expect(new PointSubError('ERR_TIMEOUT', 'x', { cause }).with({ peer: PEER }).cause).toBe(cause)
    const error = new PointSubError('ERR_TIMEOUT', 'x')
    expect(error.with({ peer: PEER }).cause).toBe(error)
  })
})

describe('anything that was thrown', () => {
  it('has a text', () => {
    expect(messageOf(new Error('gone'))).toBe('gone')
    expect(messageOf('gone')).toBe('gone')
    expect(messageOf(undefined)).toBe('undefined')
    expect(messageOf(Symbol('gone'))).toBe('Symbol(gone)')
  })

  it('has a text even if it has no way to make one', () => {
    expect(() => messageOf(Object.create(null))).not.toThrow()
  })

  it('has a name, or an empty one', () => {
    expect(nameOf(new RangeError('x'))).toBe('RangeError')
    expect(nameOf('x')).toBe('')
    expect(nameOf(null)).toBe('')
  })
})
