import { argumentTypeError, nodeError, received } from './node-errors.ts'

/** A port as `node:net` takes it; @throws `ERR_SOCKET_BAD_PORT`, `ERR_INVALID_ARG_TYPE` */
export function parsePort(name: string, value: unknown, called: string = name): number {
  if (typeof value !== 'number' && typeof value !== 'string') {
    throw argumentTypeError(name, 'one of type number or string', value)
  }
  const port = Number(value)
  if ((typeof value === 'string' && value.trim() === '') || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw nodeError(RangeError, 'ERR_SOCKET_BAD_PORT', `${called} should be >= 0 and < 65536.${received(value)}.`)
  }
  return port
}

/** @throws `ERR_INVALID_ARG_TYPE` unless `value` is a function */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw argumentTypeError(name, 'of type function', value)
}

/** @throws `ERR_INVALID_ARG_TYPE` unless `value` is an AbortSignal */
export function checkAbortSignal(name: string, value: unknown): asserts value is AbortSignal {
  if (typeof value === 'object' && value !== null && 'aborted' in value) return
  throw argumentTypeError(name, 'an instance of AbortSignal', value)
}

/** @throws `ERR_INVALID_ARG_TYPE` unless `value` is a number */
export function checkNumber(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw argumentTypeError(name, 'of type number', value)
}

const TIMEOUT_MAX = 2 ** 31 - 1

/** Milliseconds as timers take them; @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` */
export function timerDuration(name: string, value: unknown): number {
  checkNumber(name, value)
  if (value < 0 || !Number.isFinite(value)) {
    throw nodeError(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `The value of "${name}" is out of range. It must be a non-negative finite number. Received ${value}`
    )
  }
  if (value <= TIMEOUT_MAX) return value
  process.emitWarning(
    `${value} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${TIMEOUT_MAX}.`,
    'TimeoutOverflowWarning'
  )
  return TIMEOUT_MAX
}

/** Whether `node:net` takes an argument for a path (here: a protocol id) and not for a port. */
export function isPath(value: unknown): value is string {
  return typeof value === 'string' && !(Number(value) >= 0)
}
