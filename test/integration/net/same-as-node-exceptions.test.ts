import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { NODE_ARGUMENTS } from '../../support/held-process.ts'
import { within } from '../../support/until.ts'
import type { ThrownLogs } from './throwing-program.ts'

const PROGRAM = fileURLToPath(new URL('throwing-program.ts', import.meta.url))
const PATIENCE = 20_000

async function thrownLogs(): Promise<ThrownLogs> {
  const child = fork(PROGRAM, { execArgv: NODE_ARGUMENTS })
  const message = once(child, 'message').then(([logs]: ThrownLogs[]) => logs)
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the program ended with ${code}`)
  })
  exited.catch(() => {})
  try {
    const logs = await within(PATIENCE, 'the program tells its logs', Promise.race([message, exited]))
    if (logs === undefined) throw new Error('the program told nothing')
    return logs
  } finally {
    child.kill('SIGKILL')
  }
}

/** The exit code and the last words of a process that nobody saves. */
async function deathOf(net: 'node' | 'ours'): Promise<{ code: unknown; error: string | undefined }> {
  const child = fork(PROGRAM, [net], { execArgv: NODE_ARGUMENTS, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  if (child.stderr === null) throw new Error('no stderr')
  const [[code], words] = await within(
    PATIENCE,
    'the program dies',
    Promise.all([once(child, 'exit'), text(child.stderr)])
  )
  return { code, error: words.split('\n').find(line => line.startsWith('Error:')) }
}

describe.concurrent("what a user's listener throws", () => {
  it('is an uncaught exception, in every listener and callback, and the sockets go on as in Node', async () => {
    const { node, ours } = await thrownLogs()
    expect(node['uncaught']?.length).toBeGreaterThan(12)
    expect(node['unhandled rejection']).toBeUndefined()
    expect(ours).toEqual(node)
  })

  it('ends the process as in Node if nobody catches it', async () => {
    const [node, ours] = await Promise.all([deathOf('node'), deathOf('ours')])
    expect(node).toEqual({ code: 1, error: "Error: thrown in 'data'" })
    expect(ours).toEqual(node)
  })
})
