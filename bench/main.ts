import os from 'node:os'
import { type BenchOptions, HELP, parseArguments, UsageError } from './arguments.ts'
import { BESIDE_TEXT, runBesideGroup } from './beside/group.ts'
import { BULK_TEXT, runBulkGroup } from './bulk/group.ts'
import { COMPRESSION_TEXT, runCompressionGroup } from './compression/group.ts'
import type { GroupResult, Output } from './group.ts'
import { runRpcGroup } from './rpc/group.ts'
import { selectScenarios } from './rpc/scenarios.ts'
import { runSecurityGroup, SECURITY_TEXT } from './security/group.ts'
import { runSlowReaderGroup, SLOW_READER_TEXT } from './slow-reader/group.ts'

/** What runs besides request/response. */
interface Group {
  /** The text that `--filter` is compared with. */
  readonly text: string
  /** Runs only with `--all`, or when `--filter` has this. */
  readonly only?: string
  readonly run: (options: BenchOptions, output: Output) => Promise<GroupResult>
}

const GROUPS: readonly Group[] = [
  { text: BULK_TEXT, run: runBulkGroup },
  { text: SECURITY_TEXT, only: 'security', run: runSecurityGroup },
  { text: BESIDE_TEXT, only: 'bulk-beside', run: runBesideGroup },
  { text: COMPRESSION_TEXT, only: 'compression', run: runCompressionGroup },
  { text: SLOW_READER_TEXT, only: 'slow-reader', run: runSlowReaderGroup }
]

try {
  const options = parseArguments(process.argv.slice(2))
  if (options === undefined) process.stdout.write(HELP)
  else await run(options)
} catch (error) {
  const usage = error instanceof UsageError
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = usage ? 2 : 1
}

async function run(options: BenchOptions): Promise<void> {
  const { filter, all, peers, json, assert } = options
  const scenarios = selectScenarios(filter, peers)
  const wanted = GROUPS.filter(
    ({ text, only }) => text.includes(filter) && (only === undefined || all || filter.includes(only))
  )
  if (scenarios.length === 0 && wanted.length === 0) throw new UsageError(`no row contains "${filter}"`)

  const output: Output = { print: json ? () => {} : print, progress }
  output.print(`${machine()}; ratios hold on other machines, absolute numbers do not\n`)
  const groups: GroupResult[] = []
  if (scenarios.length > 0) groups.push(await runRpcGroup(scenarios, options, output))
  for (const group of wanted) groups.push(await group.run(options, output))

  const verdicts = groups.flatMap(group => group.verdicts)
  for (const { text } of verdicts) output.print(text)
  if (json) print(JSON.stringify(groups.flatMap(({ rows }) => rows)))
  if (assert) process.exitCode = holds(verdicts) ? 0 : 1
}

/** Whether at least one bound was measured and none was missed. */
function holds(verdicts: GroupResult['verdicts']): boolean {
  const measured = verdicts.filter(({ passed }) => passed !== undefined)
  return measured.length > 0 && measured.every(({ passed }) => passed)
}

function machine(): string {
  const cpus = os.cpus()
  const load = os.loadavg()[0] ?? 0
  return `Node ${process.versions.node}, ${cpus.length} x ${cpus[0]?.model ?? 'CPU'}, load ${load.toFixed(2)}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}\r`)
}
