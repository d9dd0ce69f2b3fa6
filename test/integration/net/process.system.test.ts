import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { NODE_ARGUMENTS } from '../../support/held-process.ts'
import { NetPair } from '../../support/sockets.ts'

const ROOT = new URL('../../..', import.meta.url).pathname

/**
 * Runs a program with `net`, `peer` (an echo server's address on port 7, a silent one's on port 9) and `log()`.
 *
 * @returns its output and how many ms it took to end by itself
 */
async function run(nets: NetPair, program: string): Promise<{ output: string[]; milliseconds: number }> {
  const source = `
    import { once } from 'node:events'
    import { createHost } from 'pointsub/host'
    import { createNet } from 'pointsub/net'
    const host = await createHost({ listen: ['/ip4/127.0.0.1/tcp/0'] })
    const net = createNet(host)
    const peer = ${JSON.stringify(nets.peer.toString())}
    const log = (...words) => console.log(...words)
    process.on('exit', code => log('exit', code))
    ${program}`
  const started = performance.now()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...NODE_ARGUMENTS, '--input-type=module', '--eval', source],
    { cwd: ROOT, timeout: 20_000 }
  )
  return { output: stdout.trim().split('\n'), milliseconds: performance.now() - started }
}

async function echoAndSilence(): Promise<NetPair> {
  const nets = await NetPair.create()
  const silent = await nets.listen({}, '/net/9')
  silent.on('connection', socket => socket.on('error', () => {}))
  const echo = await nets.listen({}, '/net/7')
  echo.on('connection', socket => socket.on('error', () => {}).pipe(socket))
  return nets
}

describe('as with node:net, a process', () => {
  it('ends when no socket and no server is open, though its host is', async () => {
    await using nets = await echoAndSilence()
    const { output } = await run(
      nets,
      `const socket = net.connect({ peer, port: 7 })
       socket.on('data', data => { log(String(data)); socket.end() })
       socket.on('close', () => log('closed'))
       socket.write('hello')`
    )
    expect(output).toEqual(['hello', 'closed', 'exit 0'])
  })

  it('stays up for an open socket, also one that only waits, until it is closed', async () => {
    await using nets = await echoAndSilence()
    const { output, milliseconds } = await run(
      nets,
      `const socket = net.connect({ peer, port: 9 })
       await once(socket, 'connect')
       setTimeout(() => { log('later'); socket.destroy() }, 500).unref()`
    )
    expect(output).toEqual(['later', 'exit 0'])
    expect(milliseconds).toBeGreaterThan(500)
  })

  it('ends though a socket is open that was unref()d, and stays up for one that was ref()d again', async () => {
    await using nets = await echoAndSilence()
    const program = (calls: string): string =>
      `const socket = net.connect({ peer, port: 9 })
       socket${calls}
       await once(socket, 'connect')
       setTimeout(() => { log('later'); socket.destroy() }, 500).unref()`
    // An unref'd socket does not even wait for its connection.
    expect((await run(nets, `net.connect({ peer, port: 9 }).unref()`)).output).toEqual(['exit 0'])
    const { milliseconds } = await run(nets, program('.setDeadline(Date.now() + 10_000).unref()'))
    expect(milliseconds).toBeLessThan(5_000)
    expect((await run(nets, program('.unref().ref()'))).output).toEqual(['later', 'exit 0'])
  })

  it('stays up for a listening server, unless that was unref()d', async () => {
    await using nets = await echoAndSilence()
    const program = (calls: string): string =>
      `const server = net.createServer().listen(80)
       server${calls}
       await once(server, 'listening')
       setTimeout(() => { log('later'); server.close() }, 500).unref()`
    expect((await run(nets, program(''))).output).toEqual(['later', 'exit 0'])
    expect((await run(nets, `net.createServer().listen(80).unref()`)).output).toEqual(['exit 0'])
  })

  it('stays up for a listening server whoever has let the host go, and how often', async () => {
    await using nets = await echoAndSilence()
    const { output } = await run(
      nets,
      `const server = createNet(host).createServer().listen(80)
       await once(server, 'listening')
       host.unref()
       host.unref()
       setTimeout(() => { log('later'); server.close() }, 300).unref()`
    )
    expect(output).toEqual(['later', 'exit 0'])
  })

  it('stays up for a Listener and for a Conn that was dialled, too', async () => {
    await using nets = await echoAndSilence()
    const { output } = await run(
      nets,
      `const { dial, listen } = await import('pointsub')
       const listener = await listen(host, '/listener')
       setTimeout(() => { log('later'); listener.close() }, 300).unref()
       for await (const _ of listener);
       const conn = await dial(host, peer, '/net/7')
       await conn.write(Buffer.from('hello'))
       log(String(Buffer.from(await conn.read())))
       setTimeout(() => { log('later'); conn.close() }, 300).unref()
       await conn.read().catch(error => log(error.code))`
    )
    expect(output).toEqual(['later', 'hello', 'later', 'ERR_STREAM_CLOSED', 'exit 0'])
  })

  it('sends everything that was written before it ends', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen({}, '/net/7')
    let received = 0
    server.on('connection', socket => socket.on('data', (chunk: Buffer) => (received += chunk.byteLength)))
    const { output } = await run(
      nets,
      `const socket = net.connect({ peer, port: 7 })
       socket.write(new Uint8Array(3_000_000))
       socket.destroySoon()`
    )
    expect(output).toEqual(['exit 0'])
    expect(received).toBe(3_000_000)
  })

  it('dies of what a listener throws, and of an error nobody listens for', async () => {
    await using nets = await echoAndSilence()
    const programs = [
      `net.connect({ peer, port: 7 }).on('connect', () => { throw new Error('mine') })`,
      `net.connect({ peer, port: 7 }).on('data', () => { throw new Error('mine') }).write('x')`,
      `net.connect({ peer, port: 7 }).on('finish', () => { throw new Error('mine') }).end()`,
      `net.connect({ peer, port: 7 }, function () { this.write('x', () => { throw new Error('mine') }) })`,
      `net.createServer().listen(80, () => { throw new Error('mine') })`,
      `net.connect({ peer, port: 8 })`
    ]
    const endings = await Promise.all(
      programs.map(async program => {
        const withCatch = `process.on('uncaughtException', error => { log(error.message); process.exit(3) })\n${program}`
        return run(nets, withCatch).catch((error: { code: number; stdout: string }) => [
          error.code,
          error.stdout.split(' ')[0]?.trim().split('\n')[0]
        ])
      })
    )
    expect(endings).toEqual([...Array.from({ length: 5 }, () => [3, 'mine']), [3, 'connect']])
  })
})
