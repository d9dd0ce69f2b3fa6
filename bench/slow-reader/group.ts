import type { BenchOptions } from '../arguments.ts'
import { Child, stopAll } from '../child.ts'
import type { GroupResult, Output, Verdict } from '../group.ts'
import { numberOf, type Reply, textOf } from '../reply.ts'
import { type StackOptions, stackToArguments } from '../stack.ts'
import { MIB, PAYLOAD_BYTES } from './payload.ts'

const DEFAULT_SECONDS = 30
/** Neither process may grow by more while the reader is slow. */
const MAX_GROWTH = 64 * MIB
/** Bound on an answer besides the time it is meant to take, in ms. */
const GRACE = 30_000
/** Bound on the final drain, in ms. */
const DRAIN_TIMEOUT = 300_000

const READER = new URL('reader-process.ts', import.meta.url)
const PUSHER = new URL('pusher-process.ts', import.meta.url)

/** The text that `--filter` is compared with. */
export const SLOW_READER_TEXT: string = `slow-reader/conn/${PAYLOAD_BYTES}/1`

interface Both {
  readonly pusher: Reply
  readonly reader: Reply
}

/** What both sides said after the slow phase and after the drain. */
interface Observed {
  readonly slow: Both
  readonly drained: Both
}

/** Pushes 512 MiB through a Conn at a reader of 1 MiB/s, then lets it read at full speed. */
export async function runSlowReaderGroup(
  { stack, seconds = DEFAULT_SECONDS }: BenchOptions,
  output: Output
): Promise<GroupResult> {
  output.progress(`slow reader: ${seconds} s`)
  const observed = await observe(stack, seconds)
  const { slow, drained } = observed
  const verdicts = judge(observed)
  output.print(`slow reader: ${PAYLOAD_BYTES / MIB} MiB pushed at a reader of 1 MiB/s for ${seconds} s`)
  output.print(`  went through    ${mib(slow.reader, 'bytes')} read, ${mib(slow.pusher, 'bytes')} written`)
  output.print(growthLine('  resident, peak  ', slow, 'peak'))
  output.print(
    `then read at full speed: ${mib(drained.reader, 'bytes')} in all, ${drainRate(drained.reader).toFixed(0)} MB/s`
  )
  output.print(growthLine('  resident, peak  ', drained, 'peak'))
  output.print(`${growthLine('  memory in use   ', drained, 'inUse')}, garbage collected\n`)
  return {
    rows: [
      {
        bench: 'slow-reader',
        row: 'conn',
        bytes: PAYLOAD_BYTES,
        concurrency: 1,
        rps: null,
        mbps: drainRate(drained.reader),
        p50ms: null,
        p99ms: null,
        ratioToTls: null,
        slowBytes: numberOf(slow.reader, 'bytes'),
        pusherGrowth: numberOf(slow.pusher, 'peak'),
        readerGrowth: numberOf(slow.reader, 'peak'),
        pusherDrainGrowth: numberOf(drained.pusher, 'peak'),
        readerDrainGrowth: numberOf(drained.reader, 'peak'),
        pusherInUseAfter: numberOf(drained.pusher, 'inUse'),
        readerInUseAfter: numberOf(drained.reader, 'inUse')
      }
    ],
    verdicts
  }
}

async function observe(stack: StackOptions, seconds: number): Promise<Observed> {
  const children: Child[] = []
  try {
    const reader = await Child.start(READER, stackToArguments(stack))
    children.push(reader.child)
    const pusher = await Child.start(PUSHER, [textOf(reader.ready, 'endpoint'), ...stackToArguments(stack)])
    children.push(pusher.child)
    const slowly = reader.child.ask({ do: 'read slowly', seconds }, seconds * 1000 + GRACE)
    await pusher.child.ask({ do: 'start' }, GRACE)
    const slow = { reader: await slowly, pusher: await pusher.child.ask({ do: 'tell' }, GRACE) }
    const [read, written] = await Promise.all([
      reader.child.ask({ do: 'read to the end' }, DRAIN_TIMEOUT),
      pusher.child.ask({ do: 'finish' }, DRAIN_TIMEOUT)
    ])
    return { slow, drained: { reader: read, pusher: written } }
  } finally {
    await stopAll(children)
  }
}

function judge({ slow, drained }: Observed): Verdict[] {
  const growth = [numberOf(slow.pusher, 'peak'), numberOf(slow.reader, 'peak')]
  const failures = [textOf(drained.pusher, 'failure'), textOf(drained.reader, 'failure')].filter(text => text !== '')
  const arrived = numberOf(drained.reader, 'bytes') === PAYLOAD_BYTES
  const same = arrived && drained.reader.sha256 === drained.pusher.sha256
  return [
    verdict(
      Math.max(...growth) <= MAX_GROWTH,
      `slow reader: pusher and reader grew by ${growth.map(bytes => (bytes / MIB).toFixed(1)).join(' and ')} MiB, must be <= ${MAX_GROWTH / MIB}`
    ),
    verdict(failures.length === 0, `slow reader: ${failures.length === 0 ? 'nothing was reset' : failures.join('; ')}`),
    verdict(same, `slow reader: ${mib(drained.reader, 'bytes')} arrived, SHA-256 ${same ? 'as sent' : 'not as sent'}`)
  ]
}

function verdict(passed: boolean, text: string): Verdict {
  return { passed, text: `${passed ? 'PASS' : 'FAIL'}: ${text}` }
}

function growthLine(title: string, { pusher, reader }: Both, key: string): string {
  return `${title}pusher ${signed(pusher, key)}, reader ${signed(reader, key)}`
}

/** MB/s; nothing when the stream failed before its end. */
function drainRate(reader: Reply): number {
  return typeof reader.drainRate === 'number' ? reader.drainRate / 1e6 : 0
}

function signed(reply: Reply, key: string): string {
  return `${numberOf(reply, key) < 0 ? '' : '+'}${mib(reply, key)}`
}

function mib(reply: Reply, key: string): string {
  return `${(numberOf(reply, key) / MIB).toFixed(1)} MiB`
}
