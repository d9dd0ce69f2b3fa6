import { afterAll, beforeAll, expect, it } from 'vitest'
import { armedTimers } from '../../support/timers.ts'
import { until } from '../../support/until.ts'
import { type BothNets, bothNets, type Nets } from './nets.ts'
import { type Log, Play } from './play.ts'

/** Drives one of the nets; what it notes down has to be the same over both. */
export type Scenario = (play: Play) => Promise<void> | void

/** A test that runs a scenario over `node:net` and over ours. */
export type Same = (behaviour: string, scenario: Scenario) => void

/** The nets of a test file, and what no scenario in it may leave behind or leave unhandled. */
export function useBothNets(): () => BothNets {
  let both: BothNets | undefined
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)

  beforeAll(async () => {
    process.on('uncaughtException', onUnhandled).on('unhandledRejection', onUnhandled)
    both = await bothNets()
  })

  afterAll(async () => {
    await using nets = both
    await until(
      'nothing is left behind',
      () => ({ streams: nets?.openStreams() ?? [], timers: armedTimers() }),
      ({ streams, timers }) => streams.length === 0 && timers.length === 0,
      { within: 2_000 }
    )
    process.off('uncaughtException', onUnhandled).off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })

  return () => {
    if (both === undefined) throw new Error('the hosts are not there yet')
    return both
  }
}

export function sameAsNode(): Same {
  const nets = useBothNets()
  return (behaviour: string, scenario: Scenario) => {
    it(`as in Node: ${behaviour}`, async () => {
      const [expected, actual] = await Promise.all([logOf(nets().node, scenario), logOf(nets().ours, scenario)])
      expect(expected).not.toEqual({})
      expect(actual).toEqual(expected)
    })
  }
}

/** Plays a scenario, and tidies up after it. */
export async function logOf(nets: Nets, scenario: Scenario): Promise<Log> {
  const play = new Play(nets)
  try {
    await scenario(play)
  } catch (error) {
    throw new Error(`over ${nets.name}, after ${JSON.stringify(play.log)}`, { cause: error })
  } finally {
    await play.tidyUp()
  }
  return play.log
}
