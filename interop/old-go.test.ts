import { expect, test } from 'vitest'
import { Client } from '../src/index.ts'
import { bytes, randomBody, same, text } from './bytes.ts'
import { diallingHost } from './hosts.ts'
import { overEveryLink, serve } from './links.ts'
import { allStreamsClosed } from './streams.ts'

/** Go PointSub v0.0.2 to v1.0.3 answers one request a stream. */
const OLD = { mode: 'one' }

overEveryLink(link => {
  test('50 calls in a row to a server that answers one request a stream', async () => {
    await using go = await serve(link, OLD)
    await using host = await diallingHost(link)
    const client = new Client(host)
    for (let i = 0; i < 50; i++) {
      const request = randomBody(i)
      expect(same(await client.send(go.address, '/echo/1.0.0', request), request)).toBe(true)
    }
    const ended = await go.until('stream', lines => lines.filter(line => line.requests === 1).length >= 50)
    expect(ended.filter(line => line.reason === 'one')).toHaveLength(50)

    await client.close()

    await allStreamsClosed(host, '/echo/1.0.0')
  })

  test('200 calls at once to a server that answers one request a stream', async () => {
    await using go = await serve(link, OLD)
    await using host = await diallingHost(link)
    const client = new Client(host)
    const requests = Array.from({ length: 200 }, (_, i) => randomBody(64 + i))
    const answers = await Promise.all(requests.map(request => client.send(go.address, '/echo/1.0.0', request)))
    expect(answers.map((answer, i) => answer.byteLength === 64 + i)).not.toContain(false)
    expect(requests.filter((request, i) => !same(request, answers[i] ?? new Uint8Array()))).toEqual([])

    await client.close()

    await allStreamsClosed(host, '/echo/1.0.0')
  })

  test('a failing handler of old Go answers its error as text', async () => {
    await using go = await serve(link, OLD)
    await using host = await diallingHost(link)
    await using client = new Client(host)
    const answer = await client.send(go.address, '/fail/1.0.0', bytes('please'))
    expect(text(answer)).toMatch(/^处理请求失败: ./)
    await allStreamsClosed(host, '/fail/1.0.0')

    expect(text(await client.send(go.address, '/upper/1.0.0', bytes('still here')))).toBe('STILL HERE')
  })
})
