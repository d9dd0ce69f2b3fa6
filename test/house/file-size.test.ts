import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = new URL('../..', import.meta.url).pathname
const MAX_LINES = 300

it(`no file is longer than ${MAX_LINES} lines`, () => {
  const files = ['src', 'test', 'interop', 'examples', 'bench', 'tools'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => /\.(ts|go)$/.test(file))
      .map(file => join(folder, file))
  )
  expect(files.length).toBeGreaterThan(40)
  const lines = (file: string): number => readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1
  expect(files.map(file => [file, lines(file)] as const).filter(([, count]) => count > MAX_LINES)).toEqual([])
})
