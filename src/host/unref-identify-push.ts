import { debounce } from './debounce.ts'
import { splitIdentifyPush } from './split-identify.ts'

/** Milliseconds to wait for more changes before they are told, libp2p's own default. */
const PUSH_DEBOUNCE = 1_000

/** identify push that does not keep the process up while it waits for more changes to tell. */
export function unrefIdentifyPush(): ReturnType<typeof splitIdentifyPush> {
  const create = splitIdentifyPush({ debounce: 0 })
  return components => {
    const service = create(components)
    const push = service.push.bind(service)
    const pushSoon = debounce(PUSH_DEBOUNCE, () => void push())
    service.push = async () => pushSoon()
    return service
  }
}
