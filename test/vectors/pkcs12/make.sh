#!/bin/sh
# Makes the PKCS #12 files of this folder anew: sh make.sh, with OpenSSL 3 and its legacy provider, Java's keytool and python3-cryptography.
# One key on P-256 and its chain of two in all of them; the password is that of `passwords` below.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
password='correct horse'
new() { openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"; }
new root; new leaf; new other
openssl req -x509 -key "$work/root.key" -subj '/CN=root' -days 36500 -out "$work/root.pem"
for name in leaf other; do
  openssl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr"
  openssl x509 -req -in "$work/$name.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -days 36500 -out "$work/$name.pem" 2>/dev/null
done
export_as() {
  file=$1; shift
  openssl pkcs12 -export -inkey "$work/leaf.key" -in "$work/leaf.pem" -certfile "$work/root.pem" -name 'My Key' \
    -passout "pass:$password" -out "$file.p12" "$@"
}
openssl pkcs8 -topk8 -nocrypt -in "$work/leaf.key" -outform DER -out key.der
openssl x509 -in "$work/leaf.pem" -outform DER -out leaf.der
openssl x509 -in "$work/root.pem" -outform DER -out root.der
export_as openssl-3
export_as openssl-1 -legacy
export_as windows-10 -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -iter 2000
export_as windows-11 -keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 2000
export_as two-key-3des -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES -macalg sha1
export_as other-aes -keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512
export_as pbes2-3des -keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC -macalg sha384
export_as not-encrypted -keypbe NONE -certpbe NONE
export_as rc2-key -legacy -keypbe PBE-SHA1-RC2-40
export_as camellia -keypbe CAMELLIA-256-CBC
export_as no-mac -nomac
password='Grüße, 鍵 und 🔑' export_as any-password
openssl pkcs12 -export -nokeys -in "$work/root.pem" -passout "pass:$password" -out no-key.p12
openssl pkcs12 -export -inkey "$work/leaf.key" -in "$work/leaf.pem" -nocerts -passout "pass:$password" -out no-certificate.p12
# Two keys and a trusted certificate: the second is `other`.
openssl pkcs12 -export -inkey "$work/other.key" -in "$work/other.pem" -certfile "$work/root.pem" -name Other -passout "pass:$password" -out "$work/other.p12"
for legacy in '' -J-Dkeystore.pkcs12.legacy; do
  file=java${legacy:+-legacy}.p12
  rm -f "$file"
  for from in openssl-3.p12 "$work/other.p12"; do
    keytool $legacy -importkeystore -noprompt -srckeystore "$from" -srcstorepass "$password" -destkeystore "$file" -deststoretype PKCS12 -deststorepass "$password" 2>/dev/null
  done
  keytool $legacy -importcert -noprompt -alias trusted -file "$work/root.pem" -keystore "$file" -storepass "$password" 2>/dev/null
done
WORK="$work" PASSWORD="$password" python3 - <<'PYTHON'
import os
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
work, password = os.environ['WORK'], os.environ['PASSWORD'].encode()
key = load_pem_private_key(open(f'{work}/leaf.key', 'rb').read(), None)
root = x509.load_pem_x509_certificate(open(f'{work}/root.pem', 'rb').read())
open('others-certificate.p12', 'wb').write(pkcs12.serialize_key_and_certificates(b'My Key', key, None, [root], BestAvailableEncryption(password)))
PYTHON
