import { PointSubError, textOf } from './errors.ts'

/** @throws PointSubError `ERR_INVALID_ARGUMENT` unless `value` is zero or more, Infinity included */
export function checkMilliseconds(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return
  throw new PointSubError('ERR_INVALID_ARGUMENT', `${name} is a number of milliseconds, not ${textOf(value)}`)
}

/** @throws PointSubError `ERR_INVALID_ARGUMENT` unless `value` is a whole number in the range */
export function checkCount(name: string, value: unknown, min: number): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return
  throw new PointSubError('ERR_INVALID_ARGUMENT', `${name} is a whole number from ${min} on, not ${textOf(value)}`)
}

/** @throws PointSubError `ERR_INVALID_ARGUMENT` unless `value` is true or false */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value === 'boolean') return
  throw new PointSubError('ERR_INVALID_ARGUMENT', `${name} is true or false, not ${textOf(value)}`)
}

/** @throws PointSubError `ERR_INVALID_ARGUMENT` unless `value` is a text that is not empty */
export function checkProtocol(value: unknown): void {
  if (typeof value === 'string' && value !== '') return
  throw new PointSubError(
    'ERR_INVALID_ARGUMENT',
    `a protocol id is a text such as /echo/1.0.0, not ${value === '' ? 'an empty one' : textOf(value)}`
  )
}

/** @throws PointSubError `ERR_INVALID_ARGUMENT` unless `value` can be an AbortSignal */
export function checkSignal(value: unknown): void {
  // Not instanceof: a signal may come from another realm.
  if (typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value) return
  throw new PointSubError('ERR_INVALID_ARGUMENT', `signal is an AbortSignal, not ${textOf(value)}`)
}
