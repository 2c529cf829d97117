"""Opens a PKCS #12 file that has no password, in both ways to say so."""

import sys

from cryptography.hazmat.primitives.serialization import pkcs12

data = open(sys.argv[1], "rb").read()
for password in (b"", None):
    key, certificate, others = pkcs12.load_key_and_certificates(data, password)
    assert key.public_key() == certificate.public_key()
    print(password, certificate.subject.rfc4514_string())
