/** To be imported first by tests of servers of production: they refuse the folder of compiled code that vitest.config.ts has the other tests' processes use. */
delete process.env['NODE_COMPILE_CACHE']
