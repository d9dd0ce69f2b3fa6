import http from 'node:http'
import type net from 'node:net'
import { describe, expectTypeOf, it } from 'vitest'
import type { Net, NetServer, NetSocket } from '../../src/net/index.ts'

describe('the types of pointsub/net', () => {
  it('fit wherever those of node:net are asked for', () => {
    expectTypeOf<NetSocket>().toExtend<net.Socket>()
    expectTypeOf<NetServer>().toExtend<net.Server>()
    expectTypeOf<ReturnType<Net['connect']>>().toExtend<net.Socket>()
    expectTypeOf<InstanceType<Net['Socket']>>().toExtend<net.Socket>()
    expectTypeOf<Parameters<Net['createServer']>[1]>().parameter(0).toExtend<net.Socket>()
  })

  it('say what a listener gets', () => {
    const use = (socket: NetSocket, api: Net): void => {
      socket.on('close', hadError => expectTypeOf(hadError).toEqualTypeOf<boolean>())
      socket.on('data', data => expectTypeOf(data).toExtend<Buffer | string>())
      api.createServer(accepted => expectTypeOf(accepted).toEqualTypeOf<NetSocket>())
      http.get('http://x', {
        createConnection: ({ host, port }) => api.connect({ host, port })
      })
    }
    expectTypeOf(use).toBeFunction()
  })
})
