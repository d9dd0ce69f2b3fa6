// Runs the unit tests on the oldest Node that is supported and on the newest.
import { spawnSync } from 'node:child_process'

for (const version of ['22.12.0', '26.9.0']) {
  const node = ['exec', '--yes', `--package=node@${version}`, '--', 'node']
  const { stdout } = spawnSync('npm', [...node, '--version'], { encoding: 'utf8' })
  if (stdout.trim() !== `v${version}`) throw new Error(`wanted Node ${version}, got "${stdout.trim()}"`)
  console.log(`unit tests on Node ${version}`)
  const { status } = spawnSync('npm', [...node, 'node_modules/vitest/vitest.mjs', 'run', 'test/unit'], {
    stdio: 'inherit'
  })
  if (status !== 0) process.exit(status ?? 1)
}
