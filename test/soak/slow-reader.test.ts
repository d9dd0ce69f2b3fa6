import { it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { soak } from '../support/scale.ts'
import { pushAtSlowReader } from '../support/slow-reader.ts'

it('512 MiB pushed at a reader of 1 MiB a second grow neither process by more than 64 MiB', () =>
  pushAtSlowReader(soak(512) * MIB, MIB))
