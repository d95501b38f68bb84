import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { staticLink } from '../../src/external-keys/static-link.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import { externalKeyContract } from '../contracts/external-key-contract.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'

const directory = temporaryDirectory('static-key')
afterAll(() => removeDirectory(directory))
let made = 0

function newFile(): string {
  const file = join(directory, `${++made}.key`)
  createStaticKeyFile(file)
  return file
}

describe('a static key', () =>
  externalKeyContract(async () => {
    const file = newFile()
    const open = (from: string) => openStaticKey({ file: from, dataDirectory: join(directory, 'data') })
    return { open: () => open(file), openAnother: () => Promise.resolve(open(newFile())), acts: {} }
  }))

describe('a static key as the L1 of a tenant', () =>
  externalKeyContract(async () => {
    const file = newFile()
    const open = (key: string) => staticLink.open({ key, settings: {}, credentials: Buffer.alloc(0) })
    const state = (word: string) => async () => {
      writeFileSync(`${file}.state`, word)
      return () => Promise.resolve(rmSync(`${file}.state`))
    }
    return {
      open: () => open(file),
      openAnother: () => Promise.resolve(open(newFile())),
      acts: {
        rotate: async () => {
          renameSync(file, `${file}.previous`)
          createStaticKeyFile(file)
        },
        disable: state('disabled'),
        deny: state('denied'),
        silence: state('unreachable'),
        delete: state('deleted'),
      },
    }
  }))
