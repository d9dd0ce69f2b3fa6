import { PointSubError, textOf } from '../core/errors.ts'

/** The faults of a link. What is not given is none. */
export interface FaultOptions {
  /** Milliseconds that bytes take, one way. Opening a stream takes two ways more. Default 0. */
  latency?: number | undefined
  /** Milliseconds by which `latency` varies, up and down; the bytes of one stream keep their order. Default 0. */
  jitter?: number | undefined
  /** Bytes a second that pass a link in each direction; all its streams share them. Default: no limit. */
  bandwidth?: number | undefined
  /** The share of packets that are lost, 0 to 1. Default 0. */
  loss?: number | undefined
  /**
   * What a lost packet does: `'stall'` holds it and what comes behind it for `stallTime`, as a retransmission does;
   * `'reset'` resets the stream. Default `'stall'`.
   */
  lossMode?: 'stall' | 'reset' | undefined
  /** Milliseconds that a lost packet stalls its stream. Default 200, the least TCP waits before it sends again. */
  stallTime?: number | undefined
  /** The share of streams whose opening fails with a reset, 0 to 1. Default 0. */
  errorRate?: number | undefined
  /** The share of packets in which a byte is changed, 0 to 1. Default 0. */
  corruption?: number | undefined
  /** Bytes a second that are taken from each stream by its reader; the peer feels the backpressure. Default: no limit. */
  slowReader?: number | undefined
  /** Bytes of a packet: a stream is cut every so many bytes, however it is written. Default 1,400, as on Ethernet. */
  packetSize?: number | undefined
}

/** Every fault filled in; no limit is Infinity. */
export type Rules = { readonly [K in keyof FaultOptions]-?: NonNullable<FaultOptions[K]> }

type NumericFault = Exclude<keyof FaultOptions, 'lossMode'>

interface Row {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly what: string
}

const MINUTE = 60_000
const GIGABYTE = 1_000_000_000
const ms = (value: number): Row => ({ default: value, min: 0, max: 10 * MINUTE, what: 'a number of ms' })
const share = (): Row => ({ default: 0, min: 0, max: 1, what: 'a share' })
const perSecond = (): Row => ({ default: Infinity, min: 1, max: 100 * GIGABYTE, what: 'a number of bytes/s' })

const ROWS: Readonly<Record<NumericFault, Row>> = {
  latency: ms(0),
  jitter: ms(0),
  bandwidth: perSecond(),
  loss: share(),
  stallTime: ms(200),
  errorRate: share(),
  corruption: share(),
  slowReader: perSecond(),
  packetSize: { default: 1_400, min: 1, max: 1024 * 1024, what: 'a whole number of bytes' }
}
const LOSS_MODES: ReadonlySet<unknown> = new Set(['stall', 'reset'])
const NAMES: readonly string[] = [...Object.keys(ROWS), 'lossMode']

/** @throws PointSubError `ERR_INVALID_CONFIG` naming the option, the value and what is allowed */
export function resolveFaults(given: FaultOptions, where: string): Rules {
  for (const name of Object.keys(given)) {
    if (!NAMES.includes(name)) {
      throw invalid(where, `there is no fault "${name}"; the faults are ${NAMES.join(', ')}`)
    }
  }
  const { lossMode = 'stall' } = given
  if (!LOSS_MODES.has(lossMode)) {
    throw invalid(where, `lossMode must be 'stall' or 'reset', not ${textOf(lossMode)}`)
  }
  const value = (name: NumericFault): number => resolveOne(`${where}: ${name}`, ROWS[name], given[name], name)
  return Object.freeze({
    latency: value('latency'),
    jitter: value('jitter'),
    bandwidth: value('bandwidth'),
    loss: value('loss'),
    lossMode,
    stallTime: value('stallTime'),
    errorRate: value('errorRate'),
    corruption: value('corruption'),
    slowReader: value('slowReader'),
    packetSize: value('packetSize')
  })
}

/** @throws PointSubError `ERR_INVALID_CONFIG` unless `seed` is a whole number */
export function checkSeed(seed: unknown, where: string): void {
  if (!Number.isSafeInteger(seed)) throw invalid(where, `seed must be a whole number, not ${textOf(seed)}`)
}

/** A link without faults. */
export const NO_FAULTS: Rules = resolveFaults({}, 'faults')

function resolveOne(what: string, row: Row, value: number | undefined, name: NumericFault): number {
  if (value === undefined || value === row.default) return row.default
  const kind = name === 'packetSize' ? Number.isInteger(value) : typeof value === 'number'
  if (!kind || !(value >= row.min && value <= row.max)) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `${what} must be ${row.what} from ${row.min} to ${row.max}, not ${textOf(value)}`
    )
  }
  return value
}

function invalid(where: string, what: string): PointSubError {
  return new PointSubError('ERR_INVALID_CONFIG', `${where}: ${what}`)
}
