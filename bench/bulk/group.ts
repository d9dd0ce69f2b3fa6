import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchOptions } from '../arguments.ts'
import { Child, stopAll } from '../child.ts'
import type { GroupResult, Output, Verdict } from '../group.ts'
import { numberOf, textOf } from '../reply.ts'
import { type StackOptions, stackToArguments } from '../stack.ts'
import { median, pairedRatios, rotated } from '../statistics.ts'
import { BULK_ROWS, type BulkRowName, CHUNK_BYTES } from './row.ts'

const DEFAULT_SECONDS = 1
/** How much longer than asked for a run may take before it counts as hanging, in ms. */
const GRACE = 60_000
/** Rest between two rows, in ms. */
const SETTLE = 300
const AT_LEAST = 0.9

const RECEIVER = new URL('receiver-process.ts', import.meta.url)
const SENDER = new URL('sender-process.ts', import.meta.url)

/** The text that `--filter` is compared with. */
export const BULK_TEXT: string = BULK_ROWS.map(row => `bulk/${row}/${CHUNK_BYTES}/1`).join(' ')

/** Bytes a second, round by round. */
type Rates = ReadonlyMap<BulkRowName, number[]>

/** Pushes 64 KiB chunks one way, all rows in each round, every row in processes of its own. */
export async function runBulkGroup(
  { stack, rounds, seconds = DEFAULT_SECONDS }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  const rates = await measure(stack, rounds, seconds, output)
  const of = (row: BulkRowName): number[] => rates.get(row) ?? []
  output.print(`one way, writes of ${CHUNK_BYTES} B`)
  output.print(`${'MB/s'.padStart(25)}${'min'.padStart(9)}${'max'.padStart(9)}${'of tls'.padStart(9)}`)
  const rows = BULK_ROWS.map(row => {
    const mbps = median(of(row)) / 1e6
    const ratioToTls = median(pairedRatios(of(row), of('tls')))
    const [min, max] = [Math.min(...of(row)) / 1e6, Math.max(...of(row)) / 1e6]
    output.print(`${row.padEnd(16)}${[mbps, min, max].map(cell).join('')}${ratioToTls.toFixed(3).padStart(9)}`)
    return { bench: 'bulk', row, bytes: CHUNK_BYTES, concurrency: 1, mbps, ratioToTls }
  })
  output.print('')
  return { rows, verdicts: [judge(pairedRatios(of('net-socket'), of('raw-stream')))] }
}

async function measure(stack: StackOptions, rounds: number, seconds: number, output: Output): Promise<Rates> {
  const children: Child[] = []
  const rates = new Map<BulkRowName, number[]>(BULK_ROWS.map(row => [row, []]))
  try {
    const senders = new Map<BulkRowName, Child>()
    for (const row of BULK_ROWS) senders.set(row, await startRow(row, stack, children))
    for (let round = 0; round <= rounds; round += 1) {
      output.progress(`bulk: round ${round} of ${rounds}`)
      for (const row of rotated(BULK_ROWS, round)) {
        // What the row before left to collect must not be collected on this one's time.
        await sleep(SETTLE)
        const reply = await senders.get(row)?.ask({ seconds }, seconds * 1000 + GRACE)
        if (reply === undefined) continue
        // The first round warms up.
        if (round > 0) rates.get(row)?.push(numberOf(reply, 'bytes') / numberOf(reply, 'seconds'))
      }
    }
  } finally {
    await stopAll(children)
  }
  return rates
}

/** @returns the sender; both processes are added to `children` */
async function startRow(row: BulkRowName, stack: StackOptions, children: Child[]): Promise<Child> {
  const receiver = await Child.start(RECEIVER, [row, ...stackToArguments(stack)])
  children.push(receiver.child)
  const sender = await Child.start(SENDER, [row, textOf(receiver.ready, 'endpoint'), ...stackToArguments(stack)])
  children.push(sender.child)
  return sender.child
}

function judge(ratios: readonly number[]): Verdict {
  const ratio = median(ratios)
  const passed = ratio >= AT_LEAST
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  const text = `net-socket / raw-stream one way is ${ratio.toFixed(2)} (rounds: ${range}), must be >= ${AT_LEAST}`
  return { text: `${passed ? 'PASS' : 'FAIL'}: ${text}`, passed }
}

function cell(mbps: number): string {
  return mbps.toFixed(1).padStart(9)
}
