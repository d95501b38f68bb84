import { describe } from 'vitest'
import { MemoryStore } from '../../src/store/memory.ts'
import { storeContract } from '../contracts/store-contract.ts'

describe('the memory store', () => storeContract(async () => new MemoryStore()))
