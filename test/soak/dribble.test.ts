import { it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { dribbleAtChild } from '../support/dribble.ts'

it('1,000 streams that dribble 32 MiB each are bounded by the default options, too', () =>
  dribbleAtChild({}, 256 * MIB))
