import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HostileDialler, HostileListener } from '../../support/faults/attacker.ts'
import { forge } from '../../support/faults/certificates.ts'
import { FaultRig, type Way } from '../../support/faults/rig.ts'
import { BAD_OFFERS, GOOD_OFFERS } from '../../support/faults/tls-offers.ts'
import { tlsClient, tlsServer } from '../../support/faults/tls-attack.ts'
import { until } from '../../support/until.ts'

const TIMEOUT = 5_000
/** A refusal does not wait for a timeout. */
const PROMPT = TIMEOUT / 2

/** The second try with the other dialect is createHost()'s, which knows nothing of an encrypter that it was given. */
const diallable = (way: Way): typeof GOOD_OFFERS =>
  GOOD_OFFERS.filter(({ only, name }) => only !== 'client' && (way === 'tls' || !name.includes('dep2p')))

async function isServed(rig: FaultRig, peer: string): Promise<void> {
  await until(
    'the peer is served',
    () => rig.probed,
    probed => probed.includes(peer)
  )
  expect(rig.opened).toEqual([peer])
  expect(rig.probed).toEqual([peer])
}

describe.each(['tls', 'tls over a stream'] as const)('%s', way => {
  let rig: FaultRig
  beforeAll(async () => {
    rig = await FaultRig.start({ way, timeout: TIMEOUT })
  })
  afterEach(async () => rig.forget())
  afterAll(async () => rig[Symbol.asyncDispose]())

  describe('accepting TLS', () => {
    it.each(GOOD_OFFERS)('serves a peer with $name', async ({ offer }) => {
      const made = await offer()
      using _ = await HostileDialler.attack(rig.port, tlsClient(made))
      await isServed(rig, String(made.certificate?.peerId))
    })

    it.each(BAD_OFFERS.filter(({ only }) => only !== 'server'))('refuses a peer with $name', async ({ offer }) => {
      using _ = await HostileDialler.attack(rig.port, tlsClient(await offer()))
      await rig.isAsBefore(PROMPT)
    })
  })

  describe('dialling TLS', () => {
    it.each(diallable(way))('connects to a peer with $name', async ({ offer }) => {
      const made = await offer()
      await using listener = await HostileListener.listen(tlsServer(made))
      await rig.dial(`${listener.address}/p2p/${String(made.certificate?.peerId)}`)
      await isServed(rig, String(made.certificate?.peerId))
    })

    it.each(BAD_OFFERS.filter(({ only }) => only !== 'client'))('refuses a peer with $name', async ({ offer }) => {
      await using listener = await HostileListener.listen(tlsServer(await offer()))
      expect((await rig.failsToDial(listener.address)).took).toBeLessThan(PROMPT)
      await rig.isAsBefore(PROMPT)
    })

    it('refuses a peer that proves another id than the one dialled', async () => {
      const certificate = await forge()
      const expected = await forge()
      await using listener = await HostileListener.listen(tlsServer({ certificate }))
      const { took } = await rig.failsToDial(`${listener.address}/p2p/${String(expected.peerId)}`)
      expect(took).toBeLessThan(PROMPT)
      await rig.isAsBefore(PROMPT)
    })
  })

  it('serves and dials good peers after all of this', () => rig.serves())
})
