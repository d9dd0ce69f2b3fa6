import { it } from 'vitest'
import { checkModel } from '../support/mux-check.ts'
import { fuzzClient, fuzzHost, fuzzServer } from '../support/mux-fuzz.ts'
import { soak } from '../support/scale.ts'

/** Other seeds than those of every day. */
const FIRST = 1_000_000

it('a service of the mux wire outlives 60,000 conversations with something wrong', () =>
  fuzzServer(soak(60_000), FIRST))

it('a client session ends every call of 40,000 conversations with something wrong', () =>
  fuzzClient(soak(40_000), FIRST))

it('a Server outlives 5,000 of them over TCP', () => fuzzHost(soak(5_000), FIRST))

it('whatever happens in 4,000 sessions, each call ends once and with what is its own', () => checkModel(soak(4_000)))
