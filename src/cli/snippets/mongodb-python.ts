import { hostAndPort, quoted, type Snippet } from './snippet.ts'

/** Client-side encryption in the Python driver. */
export const mongodbPython: Snippet = {
  id: 'mongodb-python',
  title: "MongoDB driver, Python (pip install 'pymongo[encryption]')",
  text: (endpoint) => `from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption

client = MongoClient("mongodb://127.0.0.1:27017")
encryption = ClientEncryption(
    {"kmip": {"endpoint": ${quoted(hostAndPort(endpoint))}}},
    "encryption.__keyVault",
    client,
    CodecOptions(),
    kms_tls_options={"kmip": {
        "tlsCAFile": ${quoted(endpoint.files.ca)},
        "tlsCertificateKeyFile": ${quoted(endpoint.files.bundle)},
    }},
)
# {}: the driver fetches the key and wraps with it; {"delegated": True}: Krypton wraps and the key stays here.
print(encryption.create_data_key("kmip", {"delegated": True}).hex())
`,
}
