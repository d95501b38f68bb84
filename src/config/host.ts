import { isIP } from 'node:net'

/** An address or name that stands for this machine alone: 127.0.0.0/8 (RFC 1122 section 3.2.1.3), ::1, localhost. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** An IP address, or a host name by RFC 1123 section 2.1: labels of letters, digits and hyphens, 253 characters at most. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true
  // Four numbers with dots that are no address are a mistake in one, not a name.
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false
  return text.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
}
