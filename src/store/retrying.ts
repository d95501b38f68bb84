import { isKryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** A race for a row is run again, as a request's is: `act` reads anew what it changes. Throws 'store-conflict' when others are always faster. */
export async function retrying<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (!isKryptonError(error, 'store-conflict') || attempt >= limits.conflictRetriesMax) throw error
    }
  }
}
