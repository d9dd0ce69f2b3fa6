import { PointSubError, textOf } from './errors.ts'

/** One numeric option: its default, its bounds and its text. README's tables are checked against these rows. */
export interface NumberRow {
  readonly default: number
  readonly min: number
  readonly max: number
  /** Only a `ratio` may be a broken number. */
  readonly unit: 'ms' | 'bytes' | 'count' | 'ratio'
  readonly doc: string
}

/** One option that takes one of a few values. */
export interface ChoiceRow<T extends string | boolean> {
  readonly default: T
  readonly choices: readonly T[]
  readonly doc: string
}

export type OptionRow = NumberRow | ChoiceRow<string> | ChoiceRow<boolean>

export type OptionTable = Readonly<Record<string, OptionRow>>

type Value<R extends OptionRow> = R extends ChoiceRow<infer T> ? T : number

/** The options of a table with every value filled in. */
export type Resolved<T extends OptionTable> = {
  readonly [K in keyof T]: Value<T[K]>
}

/** The options of a table as a user gives them. */
export type Given<T extends OptionTable> = {
  readonly [K in keyof T]?: Value<T[K]> | undefined
}

/**
 * Fills `given` up with defaults.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG` naming the option, the value and what is allowed
 */
export function resolveOptions<T extends OptionTable>(table: T, given: Given<T>, where: string): Resolved<T> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new PointSubError(
        'ERR_INVALID_CONFIG',
        `${where}: there is no option "${name}"; the options are ${Object.keys(table).join(', ')}`
      )
    }
  }
  const entries = Object.entries<OptionRow>(table).map(([name, row]) => {
    const value: unknown = given[name]
    if (value !== undefined && !isAllowed(row, value)) {
      throw new PointSubError(
        'ERR_INVALID_CONFIG',
        `${where}: ${name} must be ${whatIsAllowed(row)}, not ${textOf(value)}`
      )
    }
    return [name, value ?? row.default]
  })
  return Object.freeze(Object.fromEntries(entries))
}

function isAllowed(row: OptionRow, value: unknown): boolean {
  if ('choices' in row) return row.choices.some(choice => choice === value)
  if (typeof value !== 'number' || !(row.unit === 'ratio' || Number.isInteger(value))) return false
  return value >= row.min && value <= row.max
}

function whatIsAllowed(row: OptionRow): string {
  if ('choices' in row) return row.choices.join(' or ')
  const number = row.unit === 'ratio' ? 'a number' : 'a whole number'
  const unit = row.unit === 'ms' || row.unit === 'bytes' ? ` of ${row.unit}` : ''
  return `${number}${unit} from ${row.min} to ${row.max}`
}
