import { it } from 'vitest'
import { fuzzClient, fuzzHost, fuzzServer } from '../../support/mux-fuzz.ts'

it('a service of the mux wire outlives 500 conversations with something wrong', () => fuzzServer(500))

it('a client session ends every call of 300 conversations with something wrong', () => fuzzClient(300))

it('a Server outlives 100 of them over TCP', () => fuzzHost(100))
