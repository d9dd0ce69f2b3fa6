import { until } from './until.ts'

const MIB = 1024 * 1024

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (vitest.config.ts does)')
  globalThis.gc()
}

/** Bytes in use after garbage collection, ArrayBuffers included. */
export async function bytesInUse(): Promise<number> {
  // What one collection frees may let finalizers and weak references free more.
  for (let round = 0; round < 4; round += 1) {
    collectGarbage()
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes of ArrayBuffers in use. V8 frees them on a thread of its own, some time after a collection. */
export async function arrayBufferBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 4; round += 1) {
    collectGarbage()
    await new Promise(resolve => setTimeout(resolve, 2))
    least = Math.min(least, process.memoryUsage().arrayBuffers)
  }
  return least
}

/** Waits until ArrayBuffers hold no more than `bytes` above `before`. */
export async function arrayBuffersWithin(bytes: number, before: number): Promise<void> {
  const look = (): number => {
    collectGarbage()
    return inMiB(process.memoryUsage().arrayBuffers - before)
  }
  await until(`at most ${inMiB(bytes)} MiB are held`, look, held => held <= inMiB(bytes), { within: 3_000 })
}

export function inMiB(bytes: number): number {
  return Math.round((bytes / MIB) * 100) / 100
}
