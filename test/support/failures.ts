import { PointSubError, type Server, type ServerFailure } from '../../src/index.ts'

/** The PointSubError that `promise` rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<PointSubError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PointSubError) return error
    throw new Error(`rejected with something else than a PointSubError: ${String(error)}`, { cause: error })
  }
  throw new Error('should have been rejected')
}

/** Every `failure` event of a server, as they come. */
export function failuresOf(server: Server): ServerFailure[] {
  const failures: ServerFailure[] = []
  server.addEventListener('failure', ({ detail }) => failures.push(detail))
  return failures
}
