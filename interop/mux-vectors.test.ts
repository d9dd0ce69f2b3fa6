import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** The codec of this package is held against the same file in test/unit/frame/mux-vectors.test.ts. */
test('the Go peer of the mux wire reads and writes what test/vectors/mux.json says', () => {
  const cwd = fileURLToPath(new URL('go', import.meta.url))
  // What it tests is compiled already, as the peers are. Not its result from Go's cache: that does not look at the vectors.
  const { status, stdout, stderr } = spawnSync('go', ['test', '-trimpath', '-count=1', '-vet=off', './mux'], {
    cwd,
    encoding: 'utf8'
  })
  expect(`${stdout}${stderr}`).toMatch(/^ok\s/)
  expect(status).toBe(0)
})
