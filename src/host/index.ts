export {
  createHost,
  type HostOptions,
  type PointSubHost,
  type Security
} from './create-host.ts'
export type { Dialect } from './dialects.ts'
export { loadIdentity } from './identity.ts'
export { type NoiseOptions, noise } from './noise/noise.ts'
export { type TlsOptions, tls } from './tls/index.ts'
