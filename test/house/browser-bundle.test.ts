import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

it('pointsub bundles for browsers without any module of Node', async () => {
  const result = await build({
    stdin: { contents: "export * from 'pointsub'", resolveDir: fileURLToPath(new URL('../..', import.meta.url)) },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    conditions: ['@pointsub/source'],
    write: false,
    metafile: true,
    logLevel: 'silent'
  })
  const inputs = Object.keys(result.metafile.inputs)
  expect(inputs.some(input => input.endsWith('src/rpc/client.ts'))).toBe(true)
  const external = Object.values(result.metafile.outputs).flatMap(output => output.imports.map(({ path }) => path))
  expect(external).toEqual([])
  expect(result.outputFiles[0]?.text).not.toMatch(/(from|import|require)\s*\(?["']node:/)
})
