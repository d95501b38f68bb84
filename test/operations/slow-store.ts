import { setImmediate } from 'node:timers/promises'
import type { Store, Unit } from '../../src/store/store.ts'

/** The store behind promises, as one over a network answers. */
export function slowStore(store: Store): Store {
  return changed(store, {
    get: async (...parameters) => {
      await setImmediate()
      return store.get(...parameters)
    },
    find: async (...parameters) => {
      await setImmediate()
      return store.find(...parameters)
    },
    locate: async (query) => {
      await setImmediate()
      return store.locate(query)
    },
    indexed: async (query) => {
      await setImmediate()
      return store.indexed(query)
    },
    commit: async (unit) => {
      await setImmediate()
      await store.commit(unit)
    },
  })
}

/** The store with another `commit`. */
export function committing(store: Store, commit: (unit: Unit) => Promise<void>): Store {
  return changed(store, { commit })
}

/** The store with other methods in the place of some. */
export function changed(store: Store, change: Partial<Store>): Store {
  return {
    versions: store.versions,
    get: (...parameters) => store.get(...parameters),
    find: (...parameters) => store.find(...parameters),
    scan: (table, after, limit) => store.scan(table, after, limit),
    locate: (query) => store.locate(query),
    indexed: (query) => store.indexed(query),
    audit: (...parameters) => store.audit(...parameters),
    auditHead: (section) => store.auditHead(section),
    commit: (unit) => store.commit(unit),
    close: () => store.close(),
    ...change,
  }
}
