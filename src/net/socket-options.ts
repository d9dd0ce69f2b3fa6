import { checkAbortSignal, checkNumber } from './arguments.ts'
import { argumentValueError } from './node-errors.ts'
import type { SocketOptions } from './types.ts'

/** Options of `node:net` that a stream between peers cannot have, or no socket can. */
const UNSUPPORTED = ['objectMode', 'readableObjectMode', 'writableObjectMode', 'fd', 'handle']

/** @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
export function checkSocketOptions(options: SocketOptions): void {
  for (const name of UNSUPPORTED) {
    const value: unknown = Reflect.get(options, name)
    if (value !== undefined && value !== null && value !== false) {
      throw argumentValueError(`options.${name}`, value, 'is not supported')
    }
  }
  if (options.keepAliveInitialDelay !== undefined) {
    checkNumber('options.keepAliveInitialDelay', options.keepAliveInitialDelay)
  }
  if (options.signal !== undefined) checkAbortSignal('signal', options.signal)
}
