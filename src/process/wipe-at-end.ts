/**
 * Has `wipe` called when this thread ends, however it ends by itself: by a return, `process.exit`, an error that nobody caught. What a
 * signal kills outright takes its memory with it. Returns what takes the request back.
 */
export function wipeAtEnd(wipe: () => void): () => void {
  process.once('exit', wipe)
  return () => {
    process.off('exit', wipe)
  }
}
