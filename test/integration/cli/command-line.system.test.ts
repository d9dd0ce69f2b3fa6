import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const RUN = `import { main } from './src/cli/main.ts'; process.exitCode = await main(process.argv.slice(1))`

function pointsub(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const node = ['--conditions=@pointsub/source', '--input-type=module-typescript', '--eval', RUN, '--']
  return spawnSync(process.execPath, [...node, ...args], { cwd: ROOT, encoding: 'utf8', input: 'hi', timeout: 20_000 })
}

describe('pointsub on the command line', () => {
  it('explains itself', () => {
    for (const args of [['--help'], []]) {
      const { status, stdout } = pointsub(...args)
      expect([status, stdout.split('\n')[0]]).toEqual([0, 'pointsub - request/response between libp2p peers'])
    }
    expect(pointsub('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.for([
    [['sned'], 2, 'there is no command "sned"\nTry: pointsub --help'],
    [['send', '/ip4/127.0.0.1/tcp/1'], 2, 'send needs an ADDRESS and a PROTOCOL\nTry: pointsub --help'],
    [['send', 'x', '/y', '--timeout', 'soon'], 2, '--timeout is a number of milliseconds\nTry: pointsub --help'],
    [['serve', '--lisen', 'x'], 2, "Unknown option '--lisen'"],
    [['send', 'nonsense', '/y'], 1, 'ERR_INVALID_PEER: "nonsense" is neither'],
    [['send', '/ip4/127.0.0.1/tcp/1', '/y'], 1, 'ERR_DIAL_FAILED: cannot reach /ip4/127.0.0.1/tcp/1'],
    [
      ['send', '/ip4/127.0.0.1/tcp/1', '/y', '/no/such/file'],
      1,
      "ENOENT: no such file or directory, open '/no/such/file'"
    ]
  ] as const)('%s fails with exit code %i and says why', ([args, code, message]) => {
    const { status, stderr, stdout } = pointsub(...args)
    expect(stderr).toContain(`pointsub: ${message}`)
    expect([status, stdout]).toEqual([code, ''])
  })

  it('says one clear sentence on a Node that is too old', () => {
    const old = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})`
    const { status, stderr } = spawnSync(process.execPath, ['--import', old, 'bin/pointsub.js'], {
      cwd: ROOT,
      encoding: 'utf8'
    })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^pointsub needs Node.js 22.12 or newer, and this is 20.20.2 \(.*\).\n$/)
  })
})
