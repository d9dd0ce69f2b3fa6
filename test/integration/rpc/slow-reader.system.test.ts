import { it } from 'vitest'
import { MIB } from '../../support/bytes.ts'
import { pushAtSlowReader } from '../../support/slow-reader.ts'

it('64 MiB pushed at a reader of 20 MiB a second grow neither process by more than 64 MiB', () =>
  pushAtSlowReader(64 * MIB, 20 * MIB))
