/** How a client uses connections: one request in flight on each, several, or a new connection for each request. */
export const modes = ['persistent', 'pipelined', 'connect-per-operation'] as const
export type Mode = (typeof modes)[number]
