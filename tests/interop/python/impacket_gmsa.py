"""What scripts with impacket do about a gMSA: its password is read with a Kerberos bind, and used to be the gMSA.

impacket_gmsa.py URL read                 prints the password's AES256 key, or "nothing"
impacket_gmsa.py URL read FILE            also logs on with it and leaves the ticket in FILE
impacket_gmsa.py URL simple NAME PASSWORD binds with a password
impacket_gmsa.py URL ntlm NAME PASSWORD   binds with NTLM
"""

import sys

from impacket.examples.ntlmrelayx.attacks.ldapattack import MSDS_MANAGEDPASSWORD_BLOB
from impacket.krb5.ccache import CCache
from impacket.krb5.constants import EncryptionTypes, PrincipalNameType
from impacket.krb5.crypto import string_to_key
from impacket.krb5.kerberosv5 import getKerberosTGT
from impacket.krb5.types import Principal
from impacket.ldap.ldap import LDAPConnection
from impacket.ldap.ldapasn1 import SearchResultEntry

DOMAIN, BASE, DC, ACCOUNT = "contoso.com", "DC=contoso,DC=com", "127.0.0.1", "webapp01$"


def read(connection):
    wanted = ["sAMAccountName", "msDS-ManagedPassword"]
    answers = connection.search(searchFilter=f"(sAMAccountName={ACCOUNT})", attributes=wanted)
    [entry] = [answer for answer in answers if isinstance(answer, SearchResultEntry)]
    values = {str(one["type"]): bytes(one["vals"][0]) for one in entry["attributes"]}
    assert values["sAMAccountName"] == ACCOUNT.encode(), values
    return values.get("msDS-ManagedPassword")


def aes_key(data):
    blob = MSDS_MANAGEDPASSWORD_BLOB()
    blob.fromString(data)
    password = blob["CurrentPassword"][:-2].decode("utf-16-le", "replace").encode()
    salt = f"{DOMAIN.upper()}host{ACCOUNT[:-1].lower()}.{DOMAIN}".encode()
    return string_to_key(EncryptionTypes.aes256_cts_hmac_sha1_96.value, password, salt).contents


connection = LDAPConnection(sys.argv[1], BASE, DC)
match sys.argv[2:]:
    case ["read", *file]:
        connection.kerberosLogin("", "", DOMAIN, kdcHost=DC, useCache=True)
        data = read(connection)
        if data is None:
            sys.exit(print("nothing"))
        key = aes_key(data)
        print("key:", key.hex())
        for name in file:
            client = Principal(ACCOUNT, type=PrincipalNameType.NT_PRINCIPAL.value)
            ticket, _, session_key, _ = getKerberosTGT(client, "", DOMAIN, "", "", key, DC)
            cache = CCache()
            cache.fromTGT(ticket, session_key, session_key)
            cache.saveFile(name)
    case ["simple", name, password]:
        connection.login(name, password, DOMAIN, authenticationChoice="simple")
        print("nothing" if read(connection) is None else "released")
    case ["ntlm", name, password]:
        connection.login(name, password, DOMAIN)
