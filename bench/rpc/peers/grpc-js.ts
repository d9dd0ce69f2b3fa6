import {
  Client,
  credentials,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceError,
  type UntypedHandleCall
} from '@grpc/grpc-js'
import { createCertificate } from '../certificate.ts'
import type { Row } from '../row.ts'

/** A message is its bytes: no protobuf around them, and no .proto file. */
const ECHO: MethodDefinition<Uint8Array, Uint8Array> = {
  path: '/bench.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: bufferOf,
  requestDeserialize: bytes => bytes,
  responseSerialize: bufferOf,
  responseDeserialize: bytes => bytes
}

const echo: UntypedHandleCall = (
  call: { readonly request: Uint8Array },
  answer: (error: null, body: Uint8Array) => void
) => answer(null, call.request)

/** @grpc/grpc-js: unary calls on one HTTP/2 connection over TLS. */
export const grpcJs: Row = {
  async serve() {
    const { key, cert } = createCertificate()
    const server = new Server()
    server.addService({ echo: ECHO }, { echo })
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) => {
        if (error === null) resolve(bound)
        else reject(error)
      })
    })
    return `127.0.0.1:${port}`
  },

  connect(endpoint) {
    // The certificate is made up, and both ends are this machine.
    const trust = credentials.createSsl(null, null, null, { rejectUnauthorized: false })
    const client = new Client(endpoint, trust, { 'grpc.ssl_target_name_override': 'localhost' })
    const { path, requestSerialize, responseDeserialize } = ECHO
    return Promise.resolve(
      body =>
        new Promise((resolve, reject) => {
          const answered = (error: ServiceError | null, answer?: Uint8Array): void => {
            if (answer === undefined) reject(error ?? new Error('no answer'))
            else resolve(answer)
          }
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, body, answered)
        })
    )
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
