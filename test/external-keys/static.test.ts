import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
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
