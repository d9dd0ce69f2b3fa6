import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

it.for([
  ['pointsub', 'src/rpc/client.ts'],
  ['pointsub/testing', 'src/testing/network.ts'],
  ['pointsub/smts', 'src/smts/transporter.ts'],
  ['pointsub/smts', 'src/compression/portable-codec.ts'],
  // No entry leads here yet on its own name, so by its file.
  ['./src/compression/compressor.ts', 'src/compression/portable-codec.ts'],
  ['./src/compression/compressor.ts', 'node_modules/fflate/esm/browser.js']
])('%s bundles for browsers without any module of Node, and with %s', async ([entry, file]) => {
  const result = await build({
    stdin: { contents: `export * from '${entry}'`, resolveDir: ROOT },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    conditions: ['@pointsub/source'],
    write: false,
    metafile: true,
    logLevel: 'silent'
  })
  const inputs = Object.keys(result.metafile.inputs)
  expect(inputs.some(input => input.endsWith(String(file)))).toBe(true)
  const external = Object.values(result.metafile.outputs).flatMap(output => output.imports.map(({ path }) => path))
  expect(external).toEqual([])
  expect(result.outputFiles[0]?.text).not.toMatch(/(from|import|require)\s*\(?["']node:/)
})
