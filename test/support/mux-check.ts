import fc from 'fast-check'
import { operation } from './mux-model.ts'
import { play } from './mux-scenario.ts'

const options = fc.record({
  seed: fc.nat(2 ** 31),
  maxConcurrentRequestsPerConn: fc.constantFrom(1, 3, 1_000),
  maxRequestsPerConn: fc.constantFrom(4, 10_000, 10_000),
  enableCompression: fc.boolean()
})

/** Plays so many random scenarios between two real ends; what fails is made as short as it can be. */
export async function checkModel(runs: number, seed?: number): Promise<void> {
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 60, size: 'max' }), options, play), {
    numRuns: runs,
    ...(seed !== undefined && { seed })
  })
}
