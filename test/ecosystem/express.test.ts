import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import express, { type ErrorRequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { MIB } from '../support/bytes.ts'
import { ask, PeerAgent } from './support/http.ts'
import { flavours, useNets } from './support/nets.ts'
import { serveBy } from './support/serving.ts'
import { RandomSource, sha256Of } from './support/streams.ts'

const json = { 'content-type': 'application/json' }

async function* events(): AsyncGenerator<string> {
  for (let i = 0; i < 3; i++) {
    yield `data: ${i}\n\n`
    await sleep(5)
  }
}

/** A small application as one writes it: nothing here knows what it runs on. */
function application(): express.Express {
  const notes = new Map<string, string>()
  const app = express()
  app.use(express.json())
  app.get('/notes/:id', (request, response) => {
    const text = notes.get(request.params.id)
    if (text === undefined) response.sendStatus(404)
    else response.json({ text, by: request.ip !== undefined })
  })
  app.post('/notes', (request, response) => {
    const id = randomUUID()
    notes.set(id, request.body.text)
    response.status(201).location(`/notes/${id}`).end()
  })
  app.put('/upload', (request, response) => sha256Of(request).then(digest => response.send(digest)))
  app.get('/file', (_, response) => response.sendFile(import.meta.filename))
  app.get('/events', (_, response) => {
    response.type('text/event-stream')
    return pipeline(events, response)
  })
  app.get('/fails', async () => {
    throw new Error('on purpose')
  })
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.message })
  }
  return app.use(onError)
}

describe.each(flavours)('express over $name', flavour => {
  const nets = useNets(flavour)

  it('routes, parses and answers', async () => {
    await using serving = await serveBy(nets, http.createServer(application()))
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    const body = JSON.stringify({ text: 'a note' })
    const created = await ask({ agent, method: 'POST', path: '/notes', headers: json, body })
    expect(created.status).toBe(201)
    const got = await ask({ agent, path: created.headers.location })
    expect(JSON.parse(got.body.toString())).toEqual({ text: 'a note', by: true })
    expect((await ask({ agent, path: '/notes/none' })).status).toBe(404)
    const cached = await ask({ agent, path: created.headers.location, headers: { 'if-none-match': got.headers.etag } })
    expect(cached.status).toBe(304)
  })

  it('takes an upload, sends a file and parts of it', async () => {
    await using serving = await serveBy(nets, http.createServer(application()))
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    const source = new RandomSource(8 * MIB)
    const uploaded = await ask({ agent, method: 'PUT', path: '/upload', body: source.stream })
    expect(uploaded.body.toString()).toBe(source.sha256())
    expect((await ask({ agent, path: '/file' })).body.toString()).toMatch(/^import \{ randomUUID \}/)
    const part = await ask({ agent, path: '/file', headers: { range: 'bytes=0-5' } })
    expect([part.status, part.body.toString()]).toEqual([206, 'import'])
  })

  it('streams events', async () => {
    await using serving = await serveBy(nets, http.createServer(application()))
    using agent = new PeerAgent(nets, serving.port)
    expect((await ask({ agent, path: '/events' })).body.toString()).toBe('data: 0\n\ndata: 1\n\ndata: 2\n\n')
  })

  it('turns errors into answers', async () => {
    await using serving = await serveBy(nets, http.createServer(application()))
    using agent = new PeerAgent(nets, serving.port, { keepAlive: true })
    const failed = await ask({ agent, path: '/fails' })
    expect([failed.status, failed.body.toString()]).toEqual([500, '{"error":"on purpose"}'])
    const broken = await ask({ agent, method: 'POST', path: '/notes', headers: json, body: '{"text":' })
    expect(broken.status).toBe(400)
    const large = JSON.stringify({ text: 'x'.repeat(200_000) })
    expect((await ask({ agent, method: 'POST', path: '/notes', headers: json, body: large })).status).toBe(413)
  })
})
