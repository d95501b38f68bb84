import { KryptonError } from '../../errors.ts'
import { mongod } from './mongod.ts'
import { mongodbNode } from './mongodb-node.ts'
import { mongodbPython } from './mongodb-python.ts'
import { perconaMysql } from './percona-mysql.ts'
import { perconaMongodb } from './percona.ts'
import { pykmip } from './pykmip.ts'
import type { Endpoint, Snippet } from './snippet.ts'

/** Every product that has a snippet, in the order in which they are shown: one file and one line for each. */
export const snippets: readonly Snippet[] = [mongodbNode, mongodbPython, mongod, perconaMongodb, perconaMysql, pykmip]

/** All snippets for one identity, each under its title. */
export function allSnippets(endpoint: Endpoint): string {
  return snippets.map(({ title, text }) => `── ${title}\n\n${text(endpoint)}`).join('\n')
}

/** What `--snippet` may be, in a line. */
export const snippetNames: string = snippets.map(({ id }) => id).join(', ')

/** The snippet of that name. Throws 'usage' with those that there are. */
export function snippetNamed(name: string): Snippet {
  const found = snippets.find(({ id }) => id === name)
  if (found === undefined) throw new KryptonError('usage', `there is no snippet ${name}: name one of ${snippetNames}`)
  return found
}
