import { KryptonError } from './errors.ts'

/** A port that cannot be had, in the same words for every port that there is. `config-invalid`. */
export function cannotListen(
  cause: unknown,
  place: { what: string; host: string; port: number; setting: string; flag: string; portSetting?: string },
): KryptonError {
  const { what, host, port, setting, flag, portSetting = `${setting}.port` } = place
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  return new KryptonError('config-invalid', `cannot serve ${what} on ${host} port ${port} (${reason}): ${advice()}`, {
    cause,
  })

  function advice(): string {
    switch (reason) {
      case 'EADDRINUSE':
        return `another program listens there: choose another with ${portSetting} or ${flag}`
      case 'EACCES':
        return `this user may not listen there: choose a port of 1024 or more with ${portSetting} or ${flag}`
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `${host} is no address of this machine: choose one of its own with ${setting}.host`
      default:
        return `check ${setting}.host and ${portSetting}`
    }
  }
}
