import { Child, stopAll } from '../child.ts'
import { numberOf, textOf } from '../reply.ts'
import { type StackOptions, stackToArguments } from '../stack.ts'
import { rotated } from '../statistics.ts'
import type { RowName } from './row.ts'
import type { Scenario } from './scenarios.ts'

export interface RoundsOptions {
  readonly stack: StackOptions
  readonly seconds: number
  readonly rounds: number
  readonly onProgress: (text: string) => void
}

/** What one row did in one round. */
export interface Sample {
  readonly rps: number
  readonly p50: number
  readonly p99: number
}

/** A scenario and, for each of its rows, a sample a round. */
export interface Measurement {
  readonly scenario: Scenario
  readonly samples: ReadonlyMap<RowName, readonly Sample[]>
}

const SERVER = new URL('server-process.ts', import.meta.url)
const CLIENT = new URL('client-process.ts', import.meta.url)
/** How much longer than asked for a run may take before it counts as hanging, in ms. */
const GRACE = 30_000

/** Measures one scenario after the other; each row has a client and a server process that stay up throughout. */
export async function* measure(
  scenarios: readonly Scenario[],
  options: RoundsOptions
): AsyncGenerator<Measurement, void, undefined> {
  const children: Child[] = []
  const clients = new Map<RowName, Child>()
  try {
    for (const row of new Set(scenarios.flatMap(({ rows }) => rows))) {
      clients.set(row, await startRow(row, options.stack, children))
    }
    for (const scenario of scenarios) yield await measureScenario(scenario, clients, options)
  } finally {
    await stopAll(children)
  }
}

/** @returns the client; both processes are added to `children` */
async function startRow(row: RowName, stack: StackOptions, children: Child[]): Promise<Child> {
  const server = await Child.start(SERVER, [row, ...stackToArguments(stack)])
  children.push(server.child)
  const client = await Child.start(CLIENT, [row, textOf(server.ready, 'endpoint'), ...stackToArguments(stack)])
  children.push(client.child)
  return client.child
}

async function measureScenario(
  scenario: Scenario,
  clients: ReadonlyMap<RowName, Child>,
  { rounds, seconds, onProgress }: RoundsOptions
): Promise<Measurement> {
  const { bytes, concurrency, rows } = scenario
  const samples = new Map<RowName, Sample[]>(rows.map(row => [row, []]))
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round += 1) {
    onProgress(`${bytes} B, ${concurrency} concurrent: round ${round} of ${rounds}`)
    for (const row of rotated(rows, round)) {
      const reply = await clients.get(row)?.ask({ bytes, concurrency, seconds }, seconds * 1000 + GRACE)
      if (reply === undefined || round === 0) continue
      samples.get(row)?.push({
        rps: numberOf(reply, 'requests') / numberOf(reply, 'seconds'),
        p50: numberOf(reply, 'p50'),
        p99: numberOf(reply, 'p99')
      })
    }
  }
  return { scenario, samples }
}
