import { afterEach, expect, test, vi } from 'vitest'
import { harnessFlags } from './support/harness-flags.ts'

const harness = {
  help: 'npm run something -- [--cycles N]',
  numbers: { cycles: 7 },
  texts: { kind: ['a', 'b'], state: [] },
  switches: ['json'],
} as const

class Exit extends Error {}

afterEach(() => vi.restoreAllMocks())

function ended(args: readonly string[]): { readonly code: unknown; readonly out: string; readonly err: string } {
  let code: unknown
  const written = { out: '', err: '' }
  vi.spyOn(process, 'exit').mockImplementation((given) => {
    code ??= given
    throw new Exit()
  })
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => (written.out += String(text)) !== '')
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => (written.err += String(text)) !== '')
  expect(() => harnessFlags(harness, args)).toThrow(Exit)
  return { code, ...written }
}

test('a harness has its flags, and what they are when nobody says', () => {
  expect(harnessFlags(harness, [])).toEqual({ cycles: 7, json: false })
  expect(harnessFlags(harness, ['--cycles', '9', '--kind', 'b', '--state', 'x', '--json'])).toEqual({
    cycles: 9,
    kind: 'b',
    state: 'x',
    json: true,
  })
})

test('--help says what the harness does and ends it well', () => {
  expect(ended(['--help'])).toMatchObject({ code: 0, out: `${harness.help}\n` })
})

test.each([
  [['--cycles', '0'], '--cycles takes a whole number from 1'],
  [['--cycles', '1.5'], '--cycles takes a whole number from 1'],
  [['--kind', 'c'], '--kind takes a or b'],
  [['--cycle', '1'], "Unknown option '--cycle'"],
])('flags %j end a harness with what is wrong', (args, message) => {
  const { code, err } = ended(args)
  expect(code).toBe(2)
  expect(err).toContain(message)
})
