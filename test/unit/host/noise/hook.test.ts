import { describe, expect, it } from 'vitest'
import { replaceHandshakes } from '../../../../src/host/noise/hook.ts'
import { noisePeer, shake } from '../../../support/noise.ts'

const METHODS = ['performHandshakeInitiator', 'performHandshakeResponder'] as const

const never = {
  dial: async () => Promise.reject(new Error('ours')),
  accept: async () => Promise.reject(new Error('ours'))
}

describe('the hook in @libp2p/noise', () => {
  it('is there in the version that is installed', async () => {
    const { encrypter } = await noisePeer({ stock: true })
    for (const name of METHODS) expect(Reflect.get(encrypter, name)).toBeTypeOf('function')
    expect(() => replaceHandshakes(encrypter, never)).not.toThrow()
  })

  it.for(METHODS)('says so when %s is not what it was', async name => {
    const { encrypter } = await noisePeer({ stock: true })
    for (const changed of [undefined, 'a text', async () => {}]) {
      Object.defineProperty(encrypter, name, { value: changed, configurable: true })
      expect(() => replaceHandshakes(encrypter, never)).toThrow(`this version of @libp2p/noise has no ${name}()`)
    }
  })

  it('is where handshakes go through, both ways', async () => {
    const [dialler, listener] = [await noisePeer({ stock: true }), await noisePeer({ stock: true })]
    replaceHandshakes(dialler.encrypter, never)
    const dialled = await shake({ dialler, listener })
    expect(dialled.dialled).toMatchObject({ status: 'rejected', reason: new Error('ours') })
    const accepted = await shake({ dialler: listener, listener: dialler })
    expect(accepted.accepted).toMatchObject({ status: 'rejected', reason: new Error('ours') })
  })
})
