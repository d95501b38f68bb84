import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import type { BenchCertificates } from '../../bench/certificates.ts'
import type { Target } from '../../src/bench/target.ts'
import { Operation, Tag } from '../../src/bench/tags.ts'
import {
  bytes,
  dateTime,
  enumeration,
  findChild,
  integer,
  itemBytes,
  structure,
  text,
  uint32,
} from '../../src/bench/ttlv.ts'

/** What the server answers to a request that names `identifier`; undefined: nothing at all. */
export type Answer = (identifier: string, socket: TLSSocket, request: Buffer) => Buffer | undefined

/** A server that answers Gets as a test wants it, over real TLS on loopback. Any answer can be held back for a while. */
export class FakeServer {
  readonly #server
  readonly #sockets = new Set<TLSSocket>()
  #answer: Answer
  #heldUntil = 0
  connections = 0

  constructor(certificates: BenchCertificates, answer: Answer) {
    this.#answer = answer
    this.#server = createServer(
      {
        cert: readFileSync(certificates.serverCertFile),
        key: readFileSync(certificates.serverKeyFile),
        ca: readFileSync(certificates.caFile),
        requestCert: true,
        noDelay: true,
      },
      (socket) => this.#serve(socket),
    )
  }

  async listen(certificates: BenchCertificates): Promise<Target> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    return {
      host: '127.0.0.1',
      port: typeof address === 'object' && address ? address.port : 0,
      certFile: certificates.clientCertFile,
      keyFile: certificates.clientKeyFile,
      caFile: certificates.caFile,
    }
  }

  /** From now on and for so long no answer leaves. */
  stall(ms: number): void {
    this.#heldUntil = performance.now() + ms
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: TLSSocket): void {
    this.connections++
    this.#sockets.add(socket)
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 8 && rest.length >= itemBytes(uint32(rest, 4))) {
        const size = itemBytes(uint32(rest, 4))
        const request = rest.subarray(0, size)
        const answer = this.#answer(identifierIn(request), socket, request)
        rest = rest.subarray(size)
        const held = this.#heldUntil - performance.now()
        if (!answer) continue
        if (held > 0) setTimeout(() => socket.write(answer), held)
        else socket.write(answer)
      }
    })
  }
}

/** A good answer to a Get, or with `change` one that is wrong in one thing. */
export function getAnswer(
  identifier: string,
  change: { operation?: number; withoutObjectType?: boolean } = {},
): Buffer {
  return answer(
    enumeration(Tag.Operation, change.operation ?? Operation.Get),
    enumeration(Tag.ResultStatus, 0),
    structure(
      Tag.ResponsePayload,
      ...(change.withoutObjectType ? [] : [enumeration(Tag.ObjectType, 7)]),
      text(Tag.UniqueIdentifier, identifier),
      structure(Tag.SecretData, structure(Tag.KeyBlock, bytes(Tag.KeyMaterial, Buffer.alloc(96, 1)))),
    ),
  )
}

/** A good answer to a Create or Register: the object's name is `object`. */
export function objectAnswer(operation: number): Buffer {
  return answer(
    enumeration(Tag.Operation, operation),
    enumeration(Tag.ResultStatus, 0),
    structure(Tag.ResponsePayload, enumeration(Tag.ObjectType, 2), text(Tag.UniqueIdentifier, 'object')),
  )
}

/** Operation Failed, Item Not Found. */
export function notFound(): Buffer {
  return answer(
    enumeration(Tag.Operation, Operation.Get),
    enumeration(Tag.ResultStatus, 1),
    enumeration(Tag.ResultReason, 1),
    text(Tag.ResultMessage, 'no such object'),
  )
}

function answer(...item: readonly Buffer[]): Buffer {
  return structure(
    Tag.ResponseMessage,
    structure(
      Tag.ResponseHeader,
      structure(Tag.ProtocolVersion, integer(Tag.ProtocolVersionMajor, 1), integer(Tag.ProtocolVersionMinor, 0)),
      dateTime(0x420092, 1_700_000_000),
      integer(Tag.BatchCount, 1),
    ),
    structure(Tag.BatchItem, ...item),
  )
}

/** The operation that a request asks for. */
export function operationIn(request: Buffer): number {
  const item = findChild(request, 8, request.length, Tag.BatchItem)
  const at = findChild(request, item + 8, request.length, Tag.Operation)
  return uint32(request, at + 8)
}

/** Empty where the request names none. */
function identifierIn(request: Buffer): string {
  const item = findChild(request, 8, request.length, Tag.BatchItem)
  const payload = findChild(request, item + 8, request.length, Tag.RequestPayload)
  const at = findChild(request, payload + 8, request.length, Tag.UniqueIdentifier)
  return at < 0 ? '' : request.toString('latin1', at + 8, at + 8 + uint32(request, at + 4))
}
