import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BAD_KEYS, NoiseAttacker } from '../../support/faults/noise-attacker.ts'
import { FaultRig } from '../../support/faults/rig.ts'
import { until } from '../../support/until.ts'

const TIMEOUT = 5_000
/** A refusal does not wait for a timeout. */
const PROMPT = TIMEOUT / 2

let rig: FaultRig
beforeAll(async () => {
  rig = await FaultRig.start({ way: 'noise', timeout: TIMEOUT })
})
afterEach(async () => rig.forget())
afterAll(async () => rig[Symbol.asyncDispose]())

const address = (): string => `/ip4/127.0.0.1/tcp/${rig.port}`

async function isServed(): Promise<void> {
  await until(
    'the peer is served',
    () => rig.probed.length,
    count => count === 1
  )
}

describe('accepting noise', () => {
  it('serves a peer with its own key', async () => {
    await using attacker = await NoiseAttacker.start(await generateKeyPair('Ed25519'), false)
    await attacker.node.dial(multiaddr(address()))
    await isServed()
  })

  it.each(BAD_KEYS)('refuses a peer with $name', async ({ key }) => {
    await using attacker = await NoiseAttacker.start(await key(), false)
    // It may believe for a moment that it got in.
    await attacker.node.dial(multiaddr(address())).catch(() => {})
    await rig.isAsBefore(PROMPT)
  })
})

describe('dialling noise', () => {
  it('connects to a peer with its own key', async () => {
    await using attacker = await NoiseAttacker.start(await generateKeyPair('Ed25519'), true)
    await rig.dial(attacker.address)
    await isServed()
  })

  it.each(BAD_KEYS.filter(({ only }) => only !== 'client'))('refuses a peer with $name', async ({ key }) => {
    await using attacker = await NoiseAttacker.start(await key(), true)
    expect((await rig.failsToDial(attacker.address)).took).toBeLessThan(PROMPT)
    await rig.isAsBefore(PROMPT)
  })

  it('refuses a peer that proves another id than the one dialled', async () => {
    await using attacker = await NoiseAttacker.start(await generateKeyPair('Ed25519'), true)
    const expected = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    expect((await rig.failsToDial(`${attacker.address}/p2p/${String(expected)}`)).took).toBeLessThan(PROMPT)
    await rig.isAsBefore(PROMPT)
  })
})

it('serves and dials good peers after all of this', () => rig.serves())
