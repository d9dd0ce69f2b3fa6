import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { withOptionTables } from '../../tools/options-tables.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const documents = [
  ...readdirSync(ROOT).filter(file => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs')).map(file => `docs/${file}`),
  'interop/README.md'
]
const snippets = documents.flatMap(file =>
  [...read(file).matchAll(/```(\w*)\n([^]*?)```/g)].map((match, i) => ({
    name: `${file} #${i + 1}`,
    language: match[1] ?? '',
    code: match[2] ?? ''
  }))
)
const programs = snippets.filter(({ language }) => language === 'ts')
const shell = snippets.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.trim().split('\n'))

describe('the programs in README and docs', () => {
  it('are there', () => expect(programs.length).toBeGreaterThanOrEqual(3))

  // Type stripping from standard input is there from Node 22.18 on; the code itself runs on 22.12.
  it.for(programs)('$name runs and prints what it says', async ({ code }) => {
    const run = promisify(execFile)(
      process.execPath,
      ['--conditions=@pointsub/source', '--input-type=module-typescript', '--eval', code],
      { cwd: ROOT, timeout: 20_000 }
    )
    const { stdout } = await run
    const promised = [...code.matchAll(/console\.log\(.*?\) \/\/ (.*)$/gm)].map(match => match[1])
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(promised))
  })
})

describe('the commands in README and docs', () => {
  /** What .ci/run and the tests of the command line run, each in this very form. */
  const COMMANDS = [
    /^npm install pointsub$/,
    /^npm ci && npm (start|test)$/,
    /^npx pointsub (serve|send ADDRESS \/echo\/1\.0\.0 FILE|id FILE)$/,
    /^npm run (check|test:interop|test:ecosystem|test:nodes|bench|soak|format)( .*)?$/
  ]
  it('are all ones that are tested', () => {
    expect(shell.length).toBeGreaterThan(3)
    expect(shell.filter(line => !COMMANDS.some(command => command.test(line)))).toEqual([])
  })

  it('name scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const named = shell.flatMap(line => line.match(/npm run ([\w:]+)/)?.[1] ?? [])
    expect(named.filter(name => !Object.hasOwn(scripts, name))).toEqual([])
  })
})

describe('README and docs', () => {
  it('list every option with its default', () => {
    expect(withOptionTables(read('README.md'))).toBe(read('README.md'))
  })

  it('list every error code', () => {
    const codes = [...read('src/core/errors.ts').matchAll(/\| '(ERR_\w+)'/g)].map(match => match[1])
    expect(codes.length).toBeGreaterThan(15)
    const listed = [...read('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \|/gm)].map(match => match[1])
    expect(listed).toEqual(codes)
  })

  it('link to files that exist', () => {
    const broken = documents.flatMap(file =>
      [...read(file).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)]
        .map(match => join(file, '..', match[1] ?? ''))
        .filter(target => !existsSync(join(ROOT, target)))
        .map(target => `${file} -> ${target}`)
    )
    expect(broken).toEqual([])
  })

  it('justify every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json'))
    const names = Object.keys({ ...dependencies, ...devDependencies })
    const text = read('docs/dependencies.md')
    expect(names.filter(name => !text.includes(`\`${name}\``))).toEqual([])
  })
})
