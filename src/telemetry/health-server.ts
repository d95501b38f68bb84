import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { limits } from '../limits.ts'
import type { Metrics } from './metrics.ts'

/** What the health port tells. */
export interface HealthSource {
  /** May it be sent requests? `detail` says what an operator should know either way. */
  ready(): { readonly ok: boolean; readonly detail: Readonly<Record<string, unknown>> }
  version(): Readonly<Record<string, unknown>>
  readonly metrics: Metrics
}

/** /livez, /readyz, /metrics and /version over plain HTTP, on loopback unless configured otherwise: nothing secret, nothing to change. */
export class HealthServer {
  readonly #server: Server
  readonly #source: HealthSource

  constructor(source: HealthSource) {
    this.#source = source
    // Not by an import, which calls every getter of the module: that of WebSocket loads a client of HTTP, 18 ms and 14 MB.
    const { createServer } = process.getBuiltinModule('node:http')
    this.#server = createServer(
      {
        maxHeaderSize: limits.healthHeaderBytesMax,
        requestTimeout: limits.healthRequestMs,
        headersTimeout: limits.healthRequestMs,
        connectionsCheckingInterval: limits.healthRequestMs,
      },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy())
      },
    )
  }

  /** Resolves with the address when it listens. Rejects when it cannot. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has an AddressInfo
    return this.#server.address() as AddressInfo
  }

  /** Takes no more requests and ends idle connections. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, 405, { error: 'use GET' }, { allow: 'GET, HEAD' })
    }
    const path = (request.url ?? '').split('?', 1)[0]
    switch (path) {
      case '/livez':
        return send(response, 200, { status: 'ok' })
      case '/readyz': {
        const { ok, detail } = this.#source.ready()
        return send(response, ok ? 200 : 503, { status: ok ? 'ready' : 'not ready', ...detail })
      }
      case '/version':
        return send(response, 200, this.#source.version())
      case '/metrics': {
        const text = await this.#source.metrics.text()
        response.writeHead(200, { 'content-type': this.#source.metrics.contentType })
        response.end(text)
        return
      }
      default:
        return send(response, 404, { error: 'use /livez, /readyz, /metrics or /version' })
    }
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  response.end(`${JSON.stringify(body)}\n`)
}
