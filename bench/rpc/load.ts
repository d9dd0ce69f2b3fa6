import { randomBytes } from 'node:crypto'
import { quantile } from '../statistics.ts'
import type { Call } from './row.ts'

export interface Load {
  readonly bytes: number
  readonly concurrency: number
  readonly seconds: number
}

/** Bound on the requests of one run, whatever the time. */
const MAX_REQUESTS = 5_000_000

/** What one run did; latencies in ms. */
export type Measured = {
  readonly requests: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

/** Keeps `concurrency` calls in flight for some seconds and checks every answer. */
export async function runLoad(call: Call, { bytes, concurrency, seconds }: Load): Promise<Measured> {
  const start = performance.now()
  const stopAt = start + seconds * 1000
  const latencies: number[] = []
  const worker = async (): Promise<void> => {
    const body = randomBytes(bytes)
    for (let sent = performance.now(); sent < stopAt && latencies.length < MAX_REQUESTS; ) {
      const tag = nextTag()
      writeTag(body, tag)
      checkAnswer(await call(body), bytes, tag)
      const answered = performance.now()
      latencies.push(answered - sent)
      sent = answered
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const elapsed = (performance.now() - start) / 1000
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    requests: latencies.length,
    seconds: elapsed,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99)
  }
}

let lastTag = 0

function nextTag(): number {
  lastTag = (lastTag + 1) >>> 0
  return lastTag
}

function writeTag(body: Buffer, tag: number): void {
  body.writeUInt32BE(tag)
  body.writeUInt32BE(tag, body.byteLength - 4)
}

function checkAnswer(answer: Uint8Array, bytes: number, tag: number): void {
  const { buffer, byteOffset, byteLength } = answer
  const view = new DataView(buffer, byteOffset, byteLength)
  if (byteLength === bytes && view.getUint32(0) === tag && view.getUint32(bytes - 4) === tag) return
  throw new Error(`a wrong answer: ${byteLength} bytes for request ${tag} of ${bytes} bytes`)
}
