import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { messageOf, PointSubError } from '../core/errors.ts'

/**
 * The private key kept in a file, libp2p's protobuf form; made on first use, readable only by its owner (0600).
 * Processes that start at the same time end up with the same key.
 *
 * @throws PointSubError `ERR_INVALID_CONFIG` when the file holds no key or others can read it
 */
export async function loadIdentity(path: string): Promise<PrivateKey> {
  return (await read(path)) ?? (await create(path))
}

async function read(path: string): Promise<PrivateKey | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  await checkMode(path)
  try {
    return privateKeyFromProtobuf(bytes)
  } catch (cause) {
    throw new PointSubError(
      'ERR_INVALID_CONFIG',
      `identity file ${path} holds no libp2p private key (${messageOf(cause)}); move it away to have a new one made`,
      { cause }
    )
  }
}

async function checkMode(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0) return
  throw new PointSubError(
    'ERR_INVALID_CONFIG',
    `identity file ${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`
  )
}

async function create(path: string): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(privateKeyToProtobuf(key))
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // Unlike rename, link fails when another process was first: then its key is the one.
    await link(draft, path)
    return key
  } catch (error) {
    const other = await read(path)
    if (other === undefined) throw error
    return other
  } finally {
    await unlink(draft)
  }
}
