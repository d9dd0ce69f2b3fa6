// Packs the package, installs the tarball into an empty project, and uses it there as a user would: README's first
// program, its types, and the command line.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = new URL('..', import.meta.url).pathname
const project = mkdtempSync(join(tmpdir(), 'pointsub-user-'))
const run = (command: string, args: string[], input?: string): string =>
  execFileSync(command, args, { cwd: project, encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'inherit'] })
const expect = (what: string, found: string, wanted: string): void => {
  if (found !== wanted) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(found)}`)
  console.log(`ok: ${what}`)
}

try {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore']
    })
  )
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', join(project, packed.filename)])

  const [first = '', sockets = ''] = Array.from(
    readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([^]*?)```/g),
    match => match[1]
  )
  writeFileSync(join(project, 'first.js'), first)
  expect("README's first program", run(process.execPath, ['first.js']), 'HELLO\n')
  writeFileSync(join(project, 'sockets.js'), sockets)
  const printed = run(process.execPath, ['sockets.js']).trim().split('\n').toSorted().join(', ')
  expect("README's program with sockets", printed, '200 GET /hello, true')

  writeFileSync(join(project, 'first.ts'), first)
  writeFileSync(join(project, 'sockets.ts'), sockets)
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    ...'--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2024'.split(' '),
    ...'--lib es2024,esnext.disposable,dom --types node --typeRoots'.split(' '),
    join(root, 'node_modules/@types'),
    'first.ts',
    'sockets.ts'
  ])
  console.log('ok: their types, in strict mode and with every declaration checked')

  const bin = join(project, 'node_modules/.bin/pointsub')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect('pointsub --version', run(bin, ['--version']), `${manifest.version}\n`)
  const id = run(bin, ['id', 'peer.key'])
  const server = spawn(bin, ['serve', '--identity', 'peer.key'], { cwd: project, stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = await once(createInterface(server.stdout), 'line')
  const [address = '', protocol = ''] = String(line).split(' ')
  expect('pointsub serve keeps its identity', address.endsWith(id.trim()) ? 'yes' : address, 'yes')
  expect('pointsub send from standard input', run(bin, ['send', address, protocol], 'hello'), 'hello')
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  expect('pointsub send of a file', run(bin, ['send', address, protocol, join(root, 'README.md')]), readme)
  server.kill('SIGTERM')
  const [exitCode] = await once(server, 'exit')
  expect('pointsub serve ends with exit code 0', String(exitCode), '0')
} finally {
  rmSync(project, { recursive: true })
}
