import { it } from 'vitest'
import { attackServerWith } from '../support/hostile-caller.ts'
import { attackClientWith } from '../support/hostile-server.ts'
import { soak } from '../support/scale.ts'

it('a Server ends 10,000 hostile streams with a clear error each, and serves on', () => attackServerWith(soak(10_000)))

it('a Client ends 10,000 calls to a hostile peer with a clear error each, and calls on', () =>
  attackClientWith(soak(10_000)))
