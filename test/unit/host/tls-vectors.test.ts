import { describe, expect, it } from 'vitest'
import { verifyCertificate } from '../../../src/host/tls/verify.ts'
import { forge } from '../../support/faults/certificates.ts'
import { TLS_VECTORS } from '../../support/faults/tls-vectors.ts'

const bytesOfHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

describe('the test vectors of the libp2p TLS specification', () => {
  it.each(TLS_VECTORS.filter(({ peer }) => peer !== undefined))('reads $name', async ({ certificate, peer }) => {
    const verified = await verifyCertificate(bytesOfHex(certificate))
    expect(verified.peer.toString()).toBe(peer)
    expect(verified.dialect).toBe('libp2p')
  })

  it.each(TLS_VECTORS.filter(({ peer }) => peer === undefined))('refuses $name', async ({ certificate }) => {
    await expect(verifyCertificate(bytesOfHex(certificate))).rejects.toThrow('did not sign its certificate')
  })

  it('refuses one with a bit changed anywhere, or cut short', async () => {
    const good = bytesOfHex(TLS_VECTORS[0]?.certificate ?? '')
    for (let at = 0; at < good.byteLength; at += 1) {
      const spoilt = good.with(at, (good[at] ?? 0) ^ (1 << (at % 8)))
      await expect(verifyCertificate(spoilt), `byte ${at}`).rejects.toThrow('TLS: ')
    }
    for (const length of [0, 1, 4, 100, good.byteLength - 1]) {
      await expect(verifyCertificate(good.subarray(0, length)), `${length} bytes`).rejects.toThrow('TLS: ')
    }
  })

  it.each(TLS_VECTORS)('refuses $name with anything behind it', async ({ certificate }) => {
    await expect(verifyCertificate(bytesOfHex(`${certificate}00`))).rejects.toThrow('TLS: ')
    await expect(verifyCertificate(bytesOfHex(`${certificate}${certificate}`))).rejects.toThrow('TLS: ')
  })
})

it('refuses a certificate that is none', async () => {
  await expect(verifyCertificate(undefined)).rejects.toThrow('no certificate')
})

it('tells dep2p’s certificates from libp2p’s', async () => {
  const { der, peerId } = await forge({ prefix: 'dep2p-tls-handshake:' })
  expect(await verifyCertificate(der)).toMatchObject({ dialect: 'dep2p', peer: peerId })
})
