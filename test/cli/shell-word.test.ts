import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { dirFlag } from '../../src/cli/command.ts'
import { developmentScreen } from '../../src/cli/development-screen.ts'
import { bundleAdvice, identityFiles } from '../../src/cli/identity-files.ts'
import { shellWord } from '../../src/shell-word.ts'

/** What a shell makes of a line: its words. */
function words(line: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)
}

const directory = `/tmp/it's a "dir" $HOME \`id\` \\ ; & *`

test('a word of a line to paste is one for a shell, as it is where it needs no quotes', () => {
  for (const text of [directory, '', 'a\nb', "'", '~', '-x', 'ä']) expect(words(shellWord(text))).toEqual([text])
  for (const plain of ['/var/lib/krypton', './orders', 'a_b-c.d:1', '@x,y=z+%']) expect(shellWord(plain)).toBe(plain)
})

test('hints at the next command name the directory so', () => {
  expect(words(dirFlag({ dir: directory }))).toEqual(['--dir', directory])
  const advice = bundleAdvice(identityFiles(directory))
  expect(advice).toContain(shellWord(identityFiles(directory).bundle))
})

test('the screen of a development server names it so, and says that a temporary one stays and how to take it away', () => {
  const files = identityFiles(directory)
  const address = { host: '127.0.0.1', port: 1 }
  const addresses = { kmip: address, https: undefined, health: undefined, admin: '/x' }
  const shown = { addresses, keys: 'held', directory, files }
  const screen = developmentScreen({ ...shown, isTemporary: true })
  const line = (of: string, begin: string): string =>
    of
      .split('\n')
      .find((text) => text.includes(begin))!
      .trim()
  expect(words(line(screen, 'krypton client add')).slice(-2)).toEqual(['--dir', directory])
  expect(words(line(screen, 'krypton server --dev')).slice(-2)).toEqual(['--dir', directory])
  expect(words(line(screen, 'rm -r'))).toEqual(['rm', '-r', directory])
  expect(screen).toMatch(/stays, with its keys and its database/)
  const named = developmentScreen({ ...shown, isTemporary: false })
  expect(named).not.toMatch(/rm -r|stays, with/)
})
