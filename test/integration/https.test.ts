import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { removeDirectory, sharedFile, temporaryDirectory } from '../support/counterparts.ts'
import { KryptonServer } from './krypton-server.ts'

const directory = temporaryDirectory('https')
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

/** The requests of a published case, as they stand in its file. */
function requestsOf(name: string): string[] {
  const file = readFileSync(sharedFile('oasis', 'cases', 'v1.4', `${name}.xml`), 'utf8')
  return file.match(/<RequestMessage>[^]*?<\/RequestMessage>/g) ?? []
}

test('the mandatory cases of the message encodings pass in XML', async () => {
  for (const name of ['MSGENC-HTTPS-M-1-14', 'MSGENC-JSON-M-1-14']) {
    const [small = '', large = ''] = requestsOf(name)
    const refused = await post(small, 'text/xml')
    expect(refused).toMatch(/<ResultStatus type="Enumeration" value="OperationFailed"\/>/)
    expect(refused).toMatch(/<ResultReason type="Enumeration" value="ResponseTooLarge"\/>/)
    const answered = await post(large, 'text/xml')
    expect(answered).toMatch(/<ResultStatus type="Enumeration" value="Success"\/>/)
    expect(answered).toMatch(/<Operation type="Enumeration" value="ReKeyKeyPair"\/>/)
  }
})

test('a key that was registered in JSON is got in XML and TTLV', async () => {
  const key = '00112233445566778899aabbccddeeff'
  const registered = await post(
    message('Register', [
      item('ObjectType', 'Enumeration', 'SymmetricKey'),
      {
        tag: 'TemplateAttribute',
        value: [
          attribute('Cryptographic Usage Mask', 'Integer', 'Encrypt|Decrypt'),
          attribute('x-Rack', 'TextString', '<7> & "ü"'),
        ],
      },
      {
        tag: 'SymmetricKey',
        value: [
          {
            tag: 'KeyBlock',
            value: [
              item('KeyFormatType', 'Enumeration', 'Raw'),
              { tag: 'KeyValue', value: [item('KeyMaterial', 'ByteString', key)] },
              item('CryptographicAlgorithm', 'Enumeration', 'AES'),
              item('CryptographicLength', 'Integer', 128),
            ],
          },
        ],
      },
    ]),
    'application/json',
  )
  const identifier = /"tag":"UniqueIdentifier","type":"TextString","value":"([^"]+)"/.exec(registered)?.[1] ?? ''
  const get = message('Get', [item('UniqueIdentifier', 'TextString', identifier)])
  expect(await post(get, 'application/json')).toContain(`"tag":"KeyMaterial","type":"ByteString","value":"${key}"`)
  const xml = `<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/><ProtocolVersionMinor type="Integer" value="4"/></ProtocolVersion><BatchCount type="Integer" value="1"/></RequestHeader><BatchItem><Operation type="Enumeration" value="GetAttributes"/><RequestPayload><UniqueIdentifier type="TextString" value="${identifier}"/></RequestPayload></BatchItem></RequestMessage>`
  const attributes = await post(xml, 'text/xml')
  expect(attributes).toContain('<AttributeValue type="Integer" value="Encrypt Decrypt"/>')
  expect(attributes).toContain('<AttributeValue type="Enumeration" value="PreActive"/>')
  expect(attributes).toContain('<AttributeValue type="TextString" value="&lt;7&gt; &amp; &quot;ü&quot;"/>')
})

type Item = { readonly tag: string; readonly type?: string; readonly value: string | number | readonly Item[] }

const item = (tag: string, type: string, value: string | number): Item => ({ tag, type, value })

const attribute = (name: string, type: string, value: string): Item => ({
  tag: 'Attribute',
  value: [item('AttributeName', 'TextString', name), item('AttributeValue', type, value)],
})

function message(operation: string, payload: readonly Item[]): string {
  const version = [item('ProtocolVersionMajor', 'Integer', 1), item('ProtocolVersionMinor', 'Integer', 4)]
  const header = [{ tag: 'ProtocolVersion', value: version }, item('BatchCount', 'Integer', 1)]
  const batchItem = [item('Operation', 'Enumeration', operation), { tag: 'RequestPayload', value: payload }]
  return JSON.stringify({
    tag: 'RequestMessage',
    value: [
      { tag: 'RequestHeader', value: header },
      { tag: 'BatchItem', value: batchItem },
    ],
  })
}

function post(body: string, type: string): Promise<string> {
  const { caFile, certFile, keyFile } = server.demo
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port: server.httpsPort,
        path: '/kmip',
        method: 'POST',
        ca: readFileSync(caFile),
        cert: readFileSync(certFile),
        key: readFileSync(keyFile),
        headers: { 'content-type': type, 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let came = ''
        response.setEncoding('utf8').on('data', (text: string) => (came += text))
        response.on('end', () => (response.statusCode === 200 ? resolve(came) : reject(new Error(came))))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
