import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { Turn } from '../../src/server/turn.ts'
import type { TurnTaker } from '../../src/server/turn.ts'

function newTurn() {
  const scheduled: (() => void)[] = []
  const said: string[] = []
  const turn = new Turn((run) => scheduled.push(run))
  const taker = (name: string, requests = 1): TurnTaker => ({
    takeRequests: () => {
      said.push(`take ${name}`)
      return requests
    },
    writeAnswers: () => said.push(`write ${name}`),
  })
  return { turn, taker, said, scheduled }
}

describe('a turn', () => {
  test('answers all that came, then writes', () => {
    const { turn, taker, said, scheduled } = newTurn()
    turn.hasRequests(taker('a'))
    turn.hasRequests(taker('b'))
    turn.hasAnswers(taker('c'))
    expect(said).toEqual([])
    expect(scheduled).toHaveLength(1)
    scheduled[0]!()
    expect(said).toEqual(['take a', 'take b', 'write c', 'write a', 'write b'])
  })

  test('lets answers go before it has taken too many requests', () => {
    const { turn, taker, said, scheduled } = newTurn()
    turn.hasRequests(taker('a', limits.turnRequestsMax))
    turn.hasRequests(taker('b'))
    scheduled[0]!()
    expect(said).toEqual(['take a', 'write a', 'take b', 'write b'])
  })

  test('has another one for what comes while it runs', () => {
    const { turn, taker, said, scheduled } = newTurn()
    const late = taker('late')
    turn.hasRequests({
      takeRequests: () => {
        turn.hasRequests(late)
        return 1
      },
      writeAnswers: () => said.push('write first'),
    })
    scheduled[0]!()
    expect(said).toEqual(['write first'])
    expect(scheduled).toHaveLength(2)
    scheduled[1]!()
    expect(said).toEqual(['write first', 'take late', 'write late'])
  })

  test('is shared by those who have brought requests', () => {
    const { turn, scheduled } = newTurn()
    const shares: number[] = []
    const greedy: TurnTaker = { takeRequests: (countMax) => shares.push(countMax), writeAnswers: () => undefined }
    for (const takers of [1, 4, 1_000]) {
      for (let taker = 0; taker < takers; taker++) turn.hasRequests(greedy)
      scheduled.pop()!()
    }
    const { pipelinedRequestsMax, turnRequestsEachMin } = limits
    expect(shares).toEqual([
      pipelinedRequestsMax,
      ...Array.from({ length: 4 }, () => pipelinedRequestsMax / 4),
      ...Array.from({ length: 1_000 }, () => turnRequestsEachMin),
    ])
  })
})
