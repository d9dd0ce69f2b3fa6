import { Child, stopAll } from '../child.ts'
import { numberOf, textOf } from '../reply.ts'
import { type StackOptions, stackToArguments } from '../stack.ts'
import { rotated } from '../statistics.ts'
import { startLink } from './meter.ts'
import { ROWS, type RowName } from './protocol.ts'

export interface CompressionOptions {
  readonly stack: StackOptions
  readonly seconds: number
  readonly rounds: number
  readonly bitsPerSecond: number
  readonly onProgress: (text: string) => void
}

/** What one row did in one round; latencies in ms. */
export interface Sample {
  readonly rps: number
  readonly p50: number
  readonly p99: number
}

export interface Measurement {
  readonly concurrency: number
  readonly samples: ReadonlyMap<RowName, readonly Sample[]>
}

const SERVER = new URL('server-process.ts', import.meta.url)
const CLIENT = new URL('client-process.ts', import.meta.url)
/** How much longer than asked for a run may take before it counts as hanging, in ms. */
const GRACE = 30_000

/** Both rows in each round, each with two processes and a link of its own between them. */
export async function measureCompression(
  concurrencies: readonly number[],
  { stack, seconds, rounds, bitsPerSecond, onProgress }: CompressionOptions
): Promise<Measurement[]> {
  const children: Child[] = []
  const measurements: Measurement[] = []
  try {
    const clients = new Map<RowName, Child>()
    for (const row of ROWS) clients.set(row, await startRow(row, stack, bitsPerSecond, children))
    for (const concurrency of concurrencies) {
      const samples = new Map<RowName, Sample[]>(ROWS.map(row => [row, []]))
      for (let round = 0; round <= rounds; round += 1) {
        onProgress(`compression, ${concurrency} concurrent: round ${round} of ${rounds}`)
        for (const row of rotated(ROWS, round)) {
          const reply = await clients.get(row)?.ask({ concurrency, seconds }, seconds * 1000 + GRACE)
          // The first round warms up.
          if (reply === undefined || round === 0) continue
          samples.get(row)?.push({
            rps: numberOf(reply, 'requests') / numberOf(reply, 'seconds'),
            p50: numberOf(reply, 'p50'),
            p99: numberOf(reply, 'p99')
          })
        }
      }
      measurements.push({ concurrency, samples })
    }
  } finally {
    await stopAll(children)
  }
  return measurements
}

/** @returns the client; all three processes are added to `children` */
async function startRow(row: RowName, stack: StackOptions, bitsPerSecond: number, children: Child[]): Promise<Child> {
  const server = await Child.start(SERVER, [row, ...stackToArguments(stack)])
  children.push(server.child)
  const endpoint = textOf(server.ready, 'endpoint')
  const { link, port } = await startLink(portOf(endpoint), bitsPerSecond)
  children.push(link)
  const client = await Child.start(CLIENT, [row, withPort(endpoint, port), ...stackToArguments(stack)])
  children.push(client.child)
  return client.child
}

const PORT = /\/tcp\/(\d+)/

function portOf(endpoint: string): number {
  return Number(PORT.exec(endpoint)?.[1])
}

function withPort(endpoint: string, port: number): string {
  return endpoint.replace(PORT, `/tcp/${port}`)
}
