import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { storeContract } from '../contracts/store-contract.ts'

describe('the SQLite store', () => storeContract(open))

const root = mkdtempSync(join(tmpdir(), 'krypton-store-'))
let opened = 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

function open() {
  const onFatal = (error: Error) => {
    throw error
  }
  return openSqliteStore({ directory: join(root, String(opened++)), onFatal })
}
