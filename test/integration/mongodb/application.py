"""An application with MongoDB's driver, for the tests: reads a call a line (JSON) and answers it in a line.

Clients live as long as the process, so that a test can revoke, restart or wait under an open client. Values travel as base64
of the driver's Binary (subtype 4 for data keys, 6 for ciphertexts).
"""

import base64
import json
import sys

from bson.binary import Binary
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import Algorithm, ClientEncryption

mongo = MongoClient(sys.argv[1])
vault = mongo["vault"]["keys"]
clients = {}


def binary(text, subtype):
    return Binary(base64.b64decode(text), subtype)


def encode(value):
    return base64.b64encode(bytes(value)).decode()


def open_client(client, providers):
    """One ClientEncryption with every provider named, and no key in its cache."""
    kms = {name: {"endpoint": provider["endpoint"]} for name, provider in providers.items()}
    tls = {
        name: {"tlsCAFile": provider["ca"], "tlsCertificateKeyFile": provider["bundle"]}
        for name, provider in providers.items()
    }
    clients[client] = ClientEncryption(kms, "vault.keys", mongo, CodecOptions(), kms_tls_options=tls)


def create_data_key(client, provider="kmip", masterKey=None):
    return encode(clients[client].create_data_key(provider, masterKey or {}))


def encrypt(client, key, value):
    return encode(
        clients[client].encrypt(value, Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random, key_id=binary(key, 4))
    )


def decrypt(client, value):
    return clients[client].decrypt(binary(value, 6))


def rewrap(client, keys, provider="kmip", masterKey=None):
    result = clients[client].rewrap_many_data_key(
        {"_id": {"$in": [binary(key, 4) for key in keys]}}, provider, masterKey or {}
    )
    return result.bulk_write_result.modified_count if result.bulk_write_result else 0


def master_key(key):
    return vault.find_one({"_id": binary(key, 4)})["masterKey"]


calls = {
    "open": open_client,
    "createDataKey": create_data_key,
    "encrypt": encrypt,
    "decrypt": decrypt,
    "rewrap": rewrap,
    "masterKey": master_key,
}

for line in sys.stdin:
    arguments = json.loads(line)
    call = calls[arguments.pop("call")]
    try:
        answer = {"result": call(**arguments)}
    except Exception as error:  # what a person would see goes to the test
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
