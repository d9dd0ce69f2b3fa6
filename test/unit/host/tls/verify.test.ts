import { X509Certificate } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { DIALECTS } from '../../../../src/host/dialects.ts'
import { createCertificate } from '../../../../src/host/tls/certificate.ts'
import { verifyCertificate } from '../../../../src/host/tls/verify.ts'
import vectors from '../../../vectors/tls.json' with { type: 'json' }

describe('verifyCertificate', () => {
  it.each(vectors.valid)("takes the specification's certificate of an $key key", async ({ peer, certificate }) => {
    const verified = await verifyCertificate(Buffer.from(certificate, 'hex'))
    expect(verified.peer.toString()).toBe(peer)
    expect(verified.dialect).toBe('libp2p')
  })

  it("refuses the specification's invalid one", async () => {
    await expect(verifyCertificate(Buffer.from(vectors.invalid, 'hex'))).rejects.toThrow(
      "the peer's key did not sign its certificate"
    )
  })

  it.each([undefined, new Uint8Array(0)])('refuses none at all', async none => {
    await expect(verifyCertificate(none)).rejects.toThrow('the peer showed no certificate')
  })

  it('refuses one that is cut anywhere, or followed by a byte', async () => {
    const whole = Buffer.from(vectors.valid[0]?.certificate ?? '', 'hex')
    const cut = Array.from(whole, (_, length) => whole.subarray(0, length))
    const results = await Promise.allSettled([...cut, Buffer.concat([whole, Buffer.of(0)])].map(verifyCertificate))
    expect(results.filter(({ status }) => status === 'fulfilled')).toEqual([])
  })

  it('refuses one of which any byte was changed', async () => {
    const whole = Buffer.from(vectors.valid[0]?.certificate ?? '', 'hex')
    const taken: number[] = []
    for (const at of whole.keys()) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const isTaken = await verifyCertificate(changed).then(
        () => true,
        () => false
      )
      if (isTaken) taken.push(at)
    }
    expect(taken).toEqual([])
  })
})

describe('createCertificate', () => {
  it.each(DIALECTS)('makes what proves the peer in the dialect %s', async dialect => {
    const key = await generateKeyPair('Ed25519')
    const { certificate } = await createCertificate(key, dialect)
    const { peer, dialect: spoken } = await verifyCertificate(new X509Certificate(certificate).raw)
    expect(peer.equals(peerIdFromPrivateKey(key))).toBe(true)
    expect(spoken).toBe(dialect)
  })

  it('makes another one each time', async () => {
    const key = await generateKeyPair('Ed25519')
    const made = await Promise.all(Array.from({ length: 20 }, () => createCertificate(key, 'libp2p')))
    const certificates = made.map(({ certificate }) => new X509Certificate(certificate))
    expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(20)
    expect(new Set(certificates.map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }))).size).toBe(
      20
    )
  })
})
