export {
  createHost,
  type HostOptions,
  type PointSubHost,
  type Security
} from './create-host.ts'
export { loadIdentity } from './identity.ts'
