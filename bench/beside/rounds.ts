import { setTimeout as sleep } from 'node:timers/promises'
import { Child, stopAll } from '../child.ts'
import { numberOf, type Reply, textOf } from '../reply.ts'
import { type StackOptions, stackToArguments } from '../stack.ts'

export const SMALL_BYTES = 64

/** How much longer than asked for a run may take before it counts as hanging, in ms. */
const GRACE = 150_000
/** What the large bodies left to collect must not be collected on the time of the small calls alone, in ms. */
const SETTLE = 300

const SERVER = new URL('server-process.ts', import.meta.url)
const CLIENT = new URL('client-process.ts', import.meta.url)

export interface BesideOptions {
  readonly stack: StackOptions
  readonly seconds: number
  readonly rounds: number
  readonly onProgress: (text: string) => void
}

/** Latencies of the small calls, in ms. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** One round: the small calls alone, then beside the large ones, and bytes a second of those. */
export interface Sample {
  readonly alone: Latency
  readonly beside: Latency
  readonly up: number
  readonly down: number
}

/** @returns for each concurrency of the small calls a sample a round */
export async function measureBeside(
  concurrencies: readonly number[],
  { stack, seconds, rounds, onProgress }: BesideOptions
): Promise<Map<number, Sample[]>> {
  const samples = new Map<number, Sample[]>(concurrencies.map(concurrency => [concurrency, []]))
  const children: Child[] = []
  try {
    const server = await Child.start(SERVER, stackToArguments(stack))
    children.push(server.child)
    const client = await Child.start(CLIENT, [textOf(server.ready, 'endpoint'), ...stackToArguments(stack)])
    children.push(client.child)
    for (let round = 0; round <= rounds; round += 1) {
      for (const concurrency of concurrencies) {
        onProgress(`bulk-beside, ${concurrency} concurrent: round ${round} of ${rounds}`)
        const sample = await measureRound(client.child, concurrency, seconds)
        // The first round warms up.
        if (round > 0) samples.get(concurrency)?.push(sample)
      }
    }
  } finally {
    await stopAll(children)
  }
  return samples
}

async function measureRound(client: Child, concurrency: number, seconds: number): Promise<Sample> {
  const small = (): Promise<Reply> =>
    client.ask({ do: 'small calls', bytes: SMALL_BYTES, concurrency, seconds }, seconds * 1000 + GRACE)
  await sleep(SETTLE)
  const alone = latencyOf(await small())
  await client.ask({ do: 'start bulk' }, GRACE)
  const beside = latencyOf(await small())
  const moved = await client.ask({ do: 'stop bulk' }, GRACE)
  const rate = (direction: string): number => numberOf(moved, direction) / numberOf(moved, 'seconds')
  return { alone, beside, up: rate('up'), down: rate('down') }
}

function latencyOf(reply: Reply): Latency {
  return { p50: numberOf(reply, 'p50'), p99: numberOf(reply, 'p99'), max: numberOf(reply, 'max') }
}
