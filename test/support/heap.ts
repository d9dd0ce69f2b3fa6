const MIB = 1024 * 1024

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (vitest.config.ts does)')
  void globalThis.gc()
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

/** Bytes of ArrayBuffers after garbage collection, at once. */
export function arrayBufferBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

export function inMiB(bytes: number): number {
  return Math.round((bytes / MIB) * 100) / 100
}
