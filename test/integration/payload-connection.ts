import { readFileSync } from 'node:fs'
import type { RequestPayload, ServedOperation } from '../../src/kmip/payloads/index.ts'
import { encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, type ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { KmipClient } from '../support/kmip-client.ts'
import type { Target } from './kmip-connection.ts'

/** A connection that sends payloads of KMIP 1.4 by the server's own codec, one operation a request. */
export class PayloadConnection {
  readonly #client: KmipClient

  static async open({ port, caFile, certFile, keyFile }: Target): Promise<PayloadConnection> {
    const [ca, cert, key] = [caFile, certFile!, keyFile!].map((file) => readFileSync(file)) // an identity has them
    return new PayloadConnection(await KmipClient.connect({ port, ca: ca!, cert, key }))
  }

  private constructor(client: KmipClient) {
    this.#client = client
  }

  /** Rejects when the connection ends before the answer. */
  async item<O extends ServedOperation>(operation: O, requestPayload: RequestPayload<O>): Promise<ResponseBatchItem> {
    const requestHeader = { protocolVersion: protocolVersion(14), batchCount: 1 }
    const frame = encodeRequest({ requestHeader, batchItems: [{ operation, requestPayload }] })
    return decodeResponse(await this.#client.send(frame)).batchItems[0]!
  }

  async close(): Promise<void> {
    await this.#client.close()
  }
}
