import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram, TemporaryFolder } from './programs.ts'

export interface Certificate {
  key: string
  cert: string
}

/** A self-signed certificate for `name`, made by openssl. */
export async function certificateFor(name: string): Promise<Certificate> {
  using folder = new TemporaryFolder()
  const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  await runProgram('openssl', ['req', '-x509', '-days', '2', ...curve, ...subject, '-keyout', key, '-out', cert])
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
