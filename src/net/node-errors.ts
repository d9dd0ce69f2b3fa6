import { constants } from 'node:os'
import { inspect } from 'node:util'

/** What Node's own errors carry, and what is known about the peer besides. */
export interface NetErrorDetails {
  /** The error below: libp2p's own where it was one. */
  cause?: unknown
  /** The remote peer id, or what was given for it. */
  peer?: string | undefined
  protocol?: string | undefined
  address?: string | undefined
  port?: number | undefined
  hostname?: string | undefined
}

/** An error of a system call as Node makes them, told apart by `code`. */
export interface NetError extends NodeJS.ErrnoException, NetErrorDetails {}

/** libuv's number for "no such name", which is no errno of the system. */
const UV_EAI_NONAME = -3008

/** `CODE` as the system call `syscall` fails with it; the text is Node's: "connect ECONNREFUSED where". */
export function systemError(syscall: string, code: string, where = '', details: NetErrorDetails = {}): NetError {
  const { cause, ...known } = details
  const error = new Error(
    `${syscall} ${code}${where === '' || where.startsWith(':') ? where : ` ${where}`}`,
    cause === undefined ? {} : { cause }
  )
  const defined = Object.entries(known).filter(([, value]) => value !== undefined)
  return Object.assign(error, { errno: errnoOf(code), code, syscall }, Object.fromEntries(defined))
}

function errnoOf(code: string): number {
  const entry = Object.entries(constants.errno).find(([name]) => name === code)
  return entry === undefined ? UV_EAI_NONAME : -entry[1]
}

/** One of Node's own errors, such as `ERR_SOCKET_CLOSED`. */
export function nodeError(
  Base: new (message: string) => Error,
  code: string,
  message: string
): Error & { code: string } {
  const error = Object.assign(new Base(message), { code })
  // Node shows the code in the stack, and there only.
  const { name } = error
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true, writable: true })
  void error.stack
  Reflect.deleteProperty(error, 'name')
  return error
}

/** `ERR_INVALID_ARG_TYPE`, with Node's text. */
export function argumentTypeError(name: string, expected: string, value: unknown): Error {
  const what = name.includes('.') ? 'property' : 'argument'
  return nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" ${what} must be ${expected}.${received(value)}`)
}

/** `ERR_INVALID_ARG_VALUE`, with Node's text. */
export function argumentValueError(name: string, value: unknown, reason = 'is invalid'): Error {
  const shown = inspect(value)
  const short = shown.length > 128 ? `${shown.slice(0, 128)}...` : shown
  const what = name.includes('.') ? 'property' : 'argument'
  return nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', `The ${what} '${name}' ${reason}. Received ${short}`)
}

/** The end of the texts above: what was given instead. */
export function received(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`
  if (typeof value === 'function') return ` Received function ${value.name}`
  if (typeof value === 'object') {
    const name: unknown = value.constructor?.name
    return typeof name === 'string' && name !== ''
      ? ` Received an instance of ${name}`
      : ` Received ${inspect(value, { depth: -1 })}`
  }
  const shown = inspect(value, { colors: false })
  return ` Received type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`
}
