import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { flavours, useNets } from './support/nets.ts'
import { runProgram, TemporaryFolder } from './support/programs.ts'
import { serve } from './support/serving.ts'
import { RandomSource, sha256Of } from './support/streams.ts'

const NODE_MODULES = new URL('../../node_modules', import.meta.url).pathname
const folder = new TemporaryFolder()
const tarball = join(folder.path, 'big.tar')
let digest: string

/** What cannot be compressed, and thousands of real files. */
beforeAll(async () => {
  const random = join(folder.path, 'random')
  await pipeline(new RandomSource(192 * MIB).stream, createWriteStream(random))
  const packages = ['@libp2p', 'libp2p', 'express', 'fastify', 'mqtt', 'undici'].map(name => `./${name}`)
  await runProgram('tar', ['-cf', tarball, '-C', folder.path, 'random', '-C', NODE_MODULES, ...packages])
  digest = await sha256Of(createReadStream(tarball))
}, 60_000)
afterAll(() => folder[Symbol.dispose]())

const send = (socket: Socket): Promise<void> => pipeline(createReadStream(tarball), socket)
const receive = async (socket: Socket): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(socket, hash)
  return hash.digest('hex')
}

describe.each(flavours)('a tarball of more than 200 MB over $name', flavour => {
  const nets = useNets(flavour)

  it('is that large', () => expect(statSync(tarball).size).toBeGreaterThan(200_000_000))

  it('goes up', async () => {
    const received = Promise.withResolvers<string>()
    await using serving = await serve(nets, socket => received.resolve(receive(socket)))
    await send(nets.client.connect({ port: serving.port }))
    expect(await received.promise).toBe(digest)
  })

  it('goes down', async () => {
    const sent = Promise.withResolvers<void>()
    await using serving = await serve(nets, socket => sent.resolve(send(socket)))
    expect(await receive(nets.client.connect({ port: serving.port }))).toBe(digest)
    await sent.promise
  })

  it('goes both ways at once', async () => {
    const served = Promise.withResolvers<[string, void]>()
    const options = { allowHalfOpen: true }
    const both = (socket: Socket): Promise<[string, void]> => Promise.all([receive(socket), send(socket)])
    await using serving = await serve(nets, socket => served.resolve(both(socket)), options)
    const [down] = await both(nets.client.connect({ ...options, port: serving.port }))
    const [up] = await served.promise
    expect([up, down]).toEqual([digest, digest])
  })
})
