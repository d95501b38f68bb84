/** As many as come at once to a server that is not busy. */
const connectionsAtOnce = 8
const attemptsMax = 5

/**
 * Does `ask` so often, each time on a connection of its own. On a machine that stands still handshakes run out of time: such a connection is
 * made once more, and is one more that must leave nothing. Throws what fails again and again.
 */
export async function connectAtOnce(count: number, ask: () => Promise<void>): Promise<void> {
  let left = count
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      for (let attempt = 1; ; attempt++) {
        try {
          await ask()
          break
        } catch (error) {
          if (attempt === attemptsMax) throw error
        }
      }
    }
  }
  await Promise.all(Array.from({ length: connectionsAtOnce }, work))
}
