"""The life of objects as PyKMIP's client lives it, at one version of KMIP.

Called with the version (1.0 to 1.4) and the options host, port, cert, key, ca. Runs every step that the client can make at that
version, prints one line of JSON for each ({"step", "error"?}), and ends well when all went through.
"""

import hashlib
import hmac
import json
import logging
import sys
import time
import traceback

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kmip.core import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.messages import contents
from kmip.core.objects import TemplateAttribute
from kmip.pie import objects
from kmip.pie.client import ProxyKmipClient
from kmip.pie.exceptions import KmipOperationFailure

logging.disable(logging.CRITICAL)

version, host, port, cert, key, ca = sys.argv[1:]
kmip_version = enums.KMIPVersion["KMIP_" + version.replace(".", "_")]
minor = int(version[2:])
suffix = "%s-%d" % (version, time.time_ns())


def new_client(**more):
    return ProxyKmipClient(
        hostname=host, port=int(port), cert=cert, key=key, ca=ca, ssl_version="PROTOCOL_SSLv23",
        kmip_version=kmip_version, **more
    )


client = new_client()
AES = enums.CryptographicAlgorithm.AES
ENCRYPT_DECRYPT = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
factory = AttributeFactory()
steps = []


def step(since=0):
    def keep(function):
        if minor >= since:
            steps.append(function)
        return function

    return keep


def equal(got, expected):
    if got != expected:
        raise AssertionError("expected %r, got %r" % (expected, got))


def state_of(identifier):
    _, attributes = client.get_attributes(identifier, ["State"])
    equal([a.attribute_name.value for a in attributes], ["State"])
    return attributes[0].attribute_value.value


def refused(reason, call):
    try:
        call()
    except KmipOperationFailure as failure:
        equal(failure.reason, reason)
        if not failure.message:
            raise AssertionError("a failure without a message")
        return
    raise AssertionError("the call went through")


def new_key(name=None):
    return client.create(AES, 256, name=name, cryptographic_usage_mask=ENCRYPT_DECRYPT)


@step(since=1)
def discover_versions():
    result = client.proxy.discover_versions()
    equal(result.result_status.value, enums.ResultStatus.SUCCESS)
    offered = [(v.major, v.minor) for v in result.protocol_versions]
    equal(offered, sorted(offered, reverse=True))
    for known in range(5):
        if (1, known) not in offered:
            raise AssertionError("1.%d is missing in %r" % (known, offered))


@step(since=1)
def discover_only_common_versions():
    asked = [contents.ProtocolVersion(9, 9), contents.ProtocolVersion(1, 1)]
    result = client.proxy.discover_versions(protocol_versions=asked)
    equal([(v.major, v.minor) for v in result.protocol_versions], [(1, 1)])


@step()
def query():
    functions = [
        enums.QueryFunction.QUERY_OPERATIONS,
        enums.QueryFunction.QUERY_OBJECTS,
        enums.QueryFunction.QUERY_SERVER_INFORMATION,
        enums.QueryFunction.QUERY_APPLICATION_NAMESPACES,
    ]
    result = client.proxy.query(query_functions=functions)
    equal(result.result_status.value, enums.ResultStatus.SUCCESS)
    for operation in ("CREATE", "REGISTER", "GET", "GET_ATTRIBUTES", "LOCATE", "ACTIVATE", "REVOKE", "DESTROY", "QUERY"):
        if enums.Operation[operation] not in result.operations:
            raise AssertionError("%s is missing in %r" % (operation, result.operations))
    for kind in ("SYMMETRIC_KEY", "SECRET_DATA", "OPAQUE_DATA"):
        if enums.ObjectType[kind] not in result.object_types:
            raise AssertionError("%s is missing in %r" % (kind, result.object_types))
    offered = enums.Operation.ENCRYPT in result.operations
    equal(offered, minor >= 2)


@step()
def life_of_a_created_key():
    name = "created-" + suffix
    identifier = new_key(name)
    equal(client.locate(attributes=[factory.create_attribute(enums.AttributeType.NAME, name)]), [identifier])
    key = client.get(identifier)
    equal((key.cryptographic_algorithm, key.cryptographic_length, len(key.value)), (AES, 256, 32))
    equal(client.get(identifier).value, key.value)
    equal(state_of(identifier), enums.State.PRE_ACTIVE)
    client.activate(identifier)
    equal(state_of(identifier), enums.State.ACTIVE)
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier, "no longer needed")
    equal(state_of(identifier), enums.State.DEACTIVATED)
    client.destroy(identifier)
    equal(client.locate(attributes=[factory.create_attribute(enums.AttributeType.NAME, name)]), [])


@step()
def get_all_attributes_and_their_list():
    identifier = new_key("attributes-" + suffix)
    names = client.get_attribute_list(identifier)
    for name in (
        "Unique Identifier", "Name", "Object Type", "Cryptographic Algorithm", "Cryptographic Length",
        "Cryptographic Usage Mask", "State", "Digest", "Initial Date", "Last Change Date", "Lease Time",
    ):
        # An object that is not leased has no Lease Time; 1.0 clients are not sent Initial Date.
        if name in ("Lease Time", "Initial Date"):
            continue
        if name not in names:
            raise AssertionError("%s is missing in %r" % (name, names))
    newer = {
        1: ["Fresh"],
        2: ["Original Creation Date", "Key Value Present", "Alternative Name"],
        3: ["Random Number Generator"],
        4: ["Sensitive", "Always Sensitive", "Extractable", "Never Extractable", "Description", "Comment"],
    }
    for since, unknown in newer.items():
        if since > minor:
            for name in unknown:
                if name in names:
                    raise AssertionError("%s is newer than %s" % (name, version))
    _, attributes = client.get_attributes(identifier, ["Cryptographic Length", "Name", "Object Type"])
    values = {a.attribute_name.value: a.attribute_value for a in attributes}
    equal(sorted(values), ["Cryptographic Length", "Name", "Object Type"])
    equal(values["Cryptographic Length"].value, 256)
    equal(values["Name"].name_value.value, "attributes-" + suffix)
    client.destroy(identifier)


@step()
def attributes_that_are_not_there_are_left_out():
    identifier = new_key()
    _, attributes = client.get_attributes(identifier, ["x-Product_Version"])
    equal(attributes, [])
    client.destroy(identifier)


@step()
def life_of_a_registered_key():
    material = bytes(range(32))
    identifier = client.register(objects.SymmetricKey(AES, 256, material, ENCRYPT_DECRYPT, "registered-" + suffix))
    equal(client.get(identifier).value, material)
    client.activate(identifier)
    client.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, identifier, "lost", int(time.time()) - 60)
    equal(state_of(identifier), enums.State.COMPROMISED)
    client.destroy(identifier)


@step()
def life_of_secret_data():
    secret = b"correct horse battery staple"
    mask = [enums.CryptographicUsageMask.DERIVE_KEY]
    identifier = client.register(objects.SecretData(secret, enums.SecretDataType.PASSWORD, mask, "secret-" + suffix))
    got = client.get(identifier)
    equal((got.value, got.data_type), (secret, enums.SecretDataType.PASSWORD))
    client.activate(identifier)
    equal(state_of(identifier), enums.State.ACTIVE)
    client.revoke(enums.RevocationReasonCode.SUPERSEDED, identifier)
    client.destroy(identifier)


@step()
def life_of_an_opaque_object():
    value = bytes(reversed(range(100)))
    identifier = client.register(objects.OpaqueObject(value, enums.OpaqueDataType.NONE, "opaque-" + suffix))
    got = client.get(identifier)
    equal((got.value, got.opaque_type), (value, enums.OpaqueDataType.NONE))
    client.destroy(identifier)


@step()
def locate_by_type_and_length():
    identifier = client.create(AES, 192, cryptographic_usage_mask=ENCRYPT_DECRYPT)
    found = client.locate(
        attributes=[
            factory.create_attribute(enums.AttributeType.OBJECT_TYPE, enums.ObjectType.SYMMETRIC_KEY),
            factory.create_attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 192),
        ]
    )
    equal(found, [identifier])
    client.destroy(identifier)


@step()
def locate_a_page():
    group = "group-" + suffix
    attribute = factory.create_attribute(enums.AttributeType.OBJECT_GROUP, group)
    made = []
    for _ in range(3):
        result = client.proxy.create(
            enums.ObjectType.SYMMETRIC_KEY,
            _template(attribute),
        )
        equal(result.result_status.value, enums.ResultStatus.SUCCESS)
        made.append(result.uuid)
    equal(sorted(client.locate(attributes=[attribute])), sorted(made))
    equal(len(client.locate(maximum_items=2, attributes=[attribute])), 2)
    for identifier in made:
        client.destroy(identifier)


def _template(*more):
    return TemplateAttribute(
        attributes=[
            factory.create_attribute(enums.AttributeType.CRYPTOGRAPHIC_ALGORITHM, AES),
            factory.create_attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 256),
            factory.create_attribute(enums.AttributeType.CRYPTOGRAPHIC_USAGE_MASK, ENCRYPT_DECRYPT),
            *more,
        ]
    )


@step()
def modify_and_delete_an_attribute():
    identifier = new_key("modified-" + suffix)
    attribute = factory.create_attribute(enums.AttributeType.NAME, "renamed-" + suffix, 0)
    client.modify_attribute(identifier, attribute=attribute)
    equal(client.locate(attributes=[factory.create_attribute(enums.AttributeType.NAME, "renamed-" + suffix)]), [identifier])
    equal(client.locate(attributes=[factory.create_attribute(enums.AttributeType.NAME, "modified-" + suffix)]), [])
    client.delete_attribute(identifier, attribute_name="Name", attribute_index=0)
    equal(client.locate(attributes=[factory.create_attribute(enums.AttributeType.NAME, "renamed-" + suffix)]), [])
    client.destroy(identifier)


@step()
def check_usage():
    identifier = new_key()
    equal(client.check(identifier, cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT]), identifier)
    client.destroy(identifier)


@step(since=2)
def encrypt_and_decrypt():
    identifier = new_key()
    parameters = {
        "cryptographic_algorithm": AES,
        "block_cipher_mode": enums.BlockCipherMode.CBC,
        "padding_method": enums.PaddingMethod.PKCS5,
    }
    data = b"attack at dawn, or a little later"
    client.activate(identifier)
    ciphertext, _ = client.encrypt(data, identifier, parameters, bytes(16))
    equal(client.decrypt(ciphertext, identifier, parameters, bytes(16)), data)
    again, _ = client.encrypt(data, identifier, parameters, bytes(16))
    equal(again, ciphertext)
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
    client.destroy(identifier)


@step(since=2)
def encrypt_in_ecb_and_ctr():
    identifier = new_key()
    client.activate(identifier)
    data = bytes(range(48))
    ecb = {"cryptographic_algorithm": AES, "block_cipher_mode": enums.BlockCipherMode.ECB}
    ecb["padding_method"] = enums.PaddingMethod.PKCS5
    ciphertext, _ = client.encrypt(data, identifier, ecb)
    equal(client.decrypt(ciphertext, identifier, ecb), data)
    ctr = {"cryptographic_algorithm": AES, "block_cipher_mode": enums.BlockCipherMode.CTR}
    ciphertext, _ = client.encrypt(data, identifier, ctr, bytes(16))
    equal(len(ciphertext), len(data))
    equal(client.decrypt(ciphertext, identifier, ctr, bytes(16)), data)
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
    client.destroy(identifier)


@step()
def missing_objects_are_not_found():
    for call in (client.get, client.activate, client.destroy, client.get_attribute_list):
        refused(enums.ResultReason.ITEM_NOT_FOUND, lambda call=call: call("no-such-object"))


@step()
def a_name_and_password_are_no_hindrance():
    with new_client(username="somebody", password="something") as other:
        identifier = other.create(AES, 128, cryptographic_usage_mask=ENCRYPT_DECRYPT)
    equal(len(client.get(identifier).value), 16)
    client.destroy(identifier)


@step()
def a_name_is_given_once():
    identifier = new_key("unique-" + suffix)
    try:
        new_key("unique-" + suffix)
    except KmipOperationFailure as failure:
        if not failure.message:
            raise AssertionError("a failure without a message")
    else:
        raise AssertionError("the name was given twice")
    client.destroy(identifier)
    client.destroy(new_key("unique-" + suffix))


@step()
def a_destroyed_object_is_gone():
    identifier = new_key()
    client.destroy(identifier)
    # KMIP 1.4 section 11.12: the server has only attributes of it.
    refused(enums.ResultReason.ILLEGAL_OPERATION, lambda: client.get(identifier))
    refused(enums.ResultReason.PERMISSION_DENIED, lambda: client.destroy(identifier))
    equal(state_of(identifier), enums.State.DESTROYED)


@step()
def a_key_is_derived():
    base = client.create(AES, 256, cryptographic_usage_mask=[enums.CryptographicUsageMask.DERIVE_KEY])
    client.activate(base)
    derivation = {
        "cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256},
        "derivation_data": b"tenant data",
    }

    def derive(identifier):
        return client.derive_key(
            enums.ObjectType.SYMMETRIC_KEY, [identifier], enums.DerivationMethod.HMAC, derivation,
            cryptographic_length=128, cryptographic_algorithm=AES, cryptographic_usage_mask=ENCRYPT_DECRYPT,
        )

    derived = derive(base)
    expected = hmac.new(client.get(base).value, b"tenant data", hashlib.sha256).digest()[:16]
    equal(client.get(derived).value, expected)
    refused(enums.ResultReason.ITEM_NOT_FOUND, lambda: derive("no-such-object"))
    for identifier in [derived, base]:
        end(identifier)


RSA = enums.CryptographicAlgorithm.RSA
SIGN = enums.CryptographicUsageMask.SIGN
VERIFY = enums.CryptographicUsageMask.VERIFY


def new_pair():
    """The identifiers of a new key pair: of the public key, of the private one."""
    return client.create_key_pair(
        RSA, 2048,
        public_name="public-%s-%d" % (suffix, time.time_ns()), public_usage_mask=[VERIFY, ENCRYPT_DECRYPT[0]],
        private_name="private-%s-%d" % (suffix, time.time_ns()), private_usage_mask=[SIGN, ENCRYPT_DECRYPT[1]],
    )


def end(identifier):
    if state_of(identifier) == enums.State.ACTIVE:
        client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
    client.destroy(identifier)


@step()
def a_key_pair_is_made_and_served():
    public, private = new_pair()
    public_key, private_key = client.get(public), client.get(private)
    equal(type(public_key), objects.PublicKey)
    equal(type(private_key), objects.PrivateKey)
    loaded = serialization.load_der_private_key(private_key.value, None)
    numbers = loaded.private_numbers().public_numbers
    equal(serialization.load_der_public_key(public_key.value).public_numbers(), numbers)
    equal((public_key.cryptographic_algorithm, public_key.cryptographic_length), (RSA, 2048))
    # Of the Link between them this client knows nothing: it cannot read one.
    for identifier in (public, private):
        client.destroy(identifier)


@step()
def a_key_pair_is_registered_and_comes_back_as_it_was():
    key = rsa.generate_private_key(65537, 2048)
    der, pkcs1, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    for value, form in (
        (key.private_bytes(der, pkcs1, plain), enums.KeyFormatType.PKCS_1),
        (key.private_bytes(der, pkcs8, plain), enums.KeyFormatType.PKCS_8),
    ):
        identifier = client.register(objects.PrivateKey(RSA, 2048, value, form, masks=[SIGN]))
        served = client.get(identifier)
        equal((served.value, served.key_format_type), (value, form))
        client.destroy(identifier)
    public = key.public_key()
    for value, form in (
        (public.public_bytes(der, serialization.PublicFormat.PKCS1), enums.KeyFormatType.PKCS_1),
        (public.public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo), enums.KeyFormatType.X_509),
    ):
        identifier = client.register(objects.PublicKey(RSA, 2048, value, form, masks=[VERIFY]))
        served = client.get(identifier)
        equal((served.value, served.key_format_type), (value, form))
        client.destroy(identifier)


@step(since=2)
def a_key_pair_signs_and_verifies():
    public, private = new_pair()
    for identifier in (public, private):
        client.activate(identifier)
    message = b"a message"
    key = serialization.load_der_public_key(client.get(public).value)
    for method, its_padding in (
        (enums.PaddingMethod.PKCS1v15, padding.PKCS1v15()),
        # The mask's default is SHA-1 (KMIP 1.4 section 3.6).
        (enums.PaddingMethod.PSS, padding.PSS(padding.MGF1(hashes.SHA1()), padding.PSS.AUTO)),
    ):
        parameters = {
            "padding_method": method, "cryptographic_algorithm": RSA, "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
        }
        signature = client.sign(message, private, cryptographic_parameters=parameters)
        key.verify(signature, message, its_padding, hashes.SHA256())
        for content, validity in ((message, enums.ValidityIndicator.VALID), (b"another", enums.ValidityIndicator.INVALID)):
            equal(client.signature_verify(content, signature, public, cryptographic_parameters=parameters), validity)
    end(public)
    end(private)


@step(since=2)
def a_key_pair_encrypts_and_decrypts():
    public, private = new_pair()
    for identifier in (public, private):
        client.activate(identifier)
    parameters = {
        "padding_method": enums.PaddingMethod.OAEP, "cryptographic_algorithm": RSA,
        "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    }
    encrypted, _ = client.encrypt(b"a data key", public, cryptographic_parameters=parameters)
    equal(client.decrypt(encrypted, private, cryptographic_parameters=parameters), b"a data key")
    # What the client's own library makes, with one hash for all, opens too.
    key = serialization.load_der_public_key(client.get(public).value)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    equal(client.decrypt(key.encrypt(b"another", oaep), private, cryptographic_parameters=parameters), b"another")
    end(public)
    end(private)


failures = 0
client.open()
for function in steps:
    try:
        function()
        print(json.dumps({"step": function.__name__}))
    except Exception:
        failures += 1
        print(json.dumps({"step": function.__name__, "error": traceback.format_exc(limit=-4)}))
client.close()
sys.exit(1 if failures else 0)
