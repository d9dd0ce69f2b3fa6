import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchOptions } from '../arguments.ts'
import { Child, stopAll } from '../child.ts'
import type { GroupResult, Output, ReportRow, Verdict } from '../group.ts'
import { numberOf, textOf } from '../reply.ts'
import { stackToArguments } from '../stack.ts'
import { median, pairedRatios, rotated } from '../statistics.ts'
import { type Bound, BOUNDS, type Contender, CONTENDERS, nameOf, type Task, TASKS } from './contenders.ts'

const DEFAULT_SECONDS = 0.6
/** How much longer than asked for a run may take before it counts as hanging, in ms. */
const GRACE = 60_000
/** Rest between two rows, in ms: what one left to collect must not be collected on the next one's time. */
const SETTLE = 200

/** The text that `--filter` is compared with. */
export const SECURITY_TEXT: string = TASKS.flatMap(task =>
  CONTENDERS.map(({ name }) => `security/${name}/${nameOf(task)}`)
).join(' ')

/** By contender, what it did round by round. */
type Rates = ReadonlyMap<string, number[]>

/** The same work over node:tls, createHost()'s TLS, and the stock handshakes of libp2p, in turns. */
export async function runSecurityGroup(
  { rounds, seconds = DEFAULT_SECONDS }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  const rows: ReportRow[] = []
  const measured = new Map<string, Rates>()
  for (const task of TASKS) {
    const rates = await measure(task, rounds, seconds, output)
    measured.set(nameOf(task), rates)
    rows.push(...show(task, rates, output))
  }
  return { rows, verdicts: BOUNDS.map(bound => judge(bound, measured.get(bound.task))) }
}

async function measure(task: Task, rounds: number, seconds: number, { progress }: Output): Promise<Rates> {
  const children: Child[] = []
  const rates = new Map<string, number[]>(CONTENDERS.map(({ name }) => [name, []]))
  try {
    const callers = new Map<string, Child>()
    for (const contender of CONTENDERS) callers.set(contender.name, await start(task, contender, children))
    for (let round = 0; round <= rounds; round += 1) {
      progress(`security, ${nameOf(task)}: round ${round} of ${rounds}`)
      for (const { name } of rotated(CONTENDERS, round)) {
        await sleep(SETTLE)
        const { bytes, concurrency } = task
        const reply = await callers.get(name)?.ask({ bytes, concurrency, seconds }, seconds * 1000 + GRACE)
        if (reply === undefined) continue
        const done = task.unit === 'MB/s' ? numberOf(reply, 'bytes') / 1e6 : numberOf(reply, 'requests')
        // The first round warms up.
        if (round > 0) rates.get(name)?.push(done / numberOf(reply, 'seconds'))
      }
    }
  } finally {
    await stopAll(children)
  }
  return rates
}

/** @returns the side that sends; both processes are added to `children` */
async function start(task: Task, { name, stack }: Contender, children: Child[]): Promise<Child> {
  const row = name === 'node-tls' ? task.rowOfNode : task.row
  const [serving, sending] =
    task.unit === 'MB/s'
      ? ['../bulk/receiver-process.ts', '../bulk/sender-process.ts']
      : ['../rpc/server-process.ts', '../rpc/client-process.ts']
  const server = await Child.start(new URL(serving, import.meta.url), [row, ...stackToArguments(stack)])
  children.push(server.child)
  const endpoint = textOf(server.ready, 'endpoint')
  const client = await Child.start(new URL(sending, import.meta.url), [row, endpoint, ...stackToArguments(stack)])
  children.push(client.child)
  return client.child
}

function show(task: Task, rates: Rates, { print }: Output): ReportRow[] {
  const of = (name: string): number[] => rates.get(name) ?? []
  const { bytes, concurrency, unit } = task
  print(`security: ${task.name}, ${bytes} B, ${concurrency} at a time`)
  print(`${unit.padStart(25)}${['min', 'max', 'of tls'].map(title => title.padStart(10)).join('')}`)
  const rows = CONTENDERS.map(({ name }) => {
    const ratioToTls = median(pairedRatios(of(name), of('node-tls')))
    const cells = [median(of(name)), Math.min(...of(name)), Math.max(...of(name))].map(rate => rate.toFixed(0))
    const texts = [...cells, ratioToTls.toFixed(3)].map((text, at) => text.padStart(at === 0 ? 9 : 10))
    print(`${name.padEnd(16)}${texts.join('')}`)
    return {
      bench: 'security',
      row: name,
      bytes,
      concurrency,
      task: task.name,
      rate: median(of(name)),
      unit,
      ratioToTls
    }
  })
  print('')
  return rows
}

function judge({ task, row, against, atLeast }: Bound, rates: Rates | undefined): Verdict {
  const ratios = pairedRatios(rates?.get(row) ?? [], rates?.get(against) ?? [])
  const ratio = median(ratios)
  const passed = ratio >= atLeast
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  const text = `${row} / ${against}, ${task}, is ${ratio.toFixed(2)} (rounds: ${range}), must be >= ${atLeast}`
  return { text: `${passed ? 'PASS' : 'FAIL'}: ${text}`, passed }
}
