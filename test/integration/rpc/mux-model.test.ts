import { it } from 'vitest'
import { checkModel } from '../../support/mux-check.ts'

it('whatever happens in 40 sessions, each call ends once and with what is its own', () => checkModel(40))
