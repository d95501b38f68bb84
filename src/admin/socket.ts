import { lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { KryptonError } from '../errors.ts'

/**
 * Makes room for a Unix socket at `path`: a socket that nobody answers is left over from a server that was killed and is
 * removed. Throws 'store-locked' when a server answers there, 'config-invalid' when something else has the name.
 */
export async function clearSocket(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) return
  if (!status.isSocket())
    throw new KryptonError(
      'config-invalid',
      `${path} exists and is no socket: remove it or set admin.socket to another name`,
    )
  if (await answers(path))
    throw new KryptonError('store-locked', `another server answers on ${path}: stop it first or use another directory`)
  rmSync(path, { force: true })
}

/** Refused means that no process listens. Whatever else happens, somebody may: then the socket stays. */
async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}
