"""What an application does with python3-ldap3 and python3-gssapi: it binds with the tickets of the process that runs it."""

import ssl
import sys

import ldap3

BASE, LDAP_PORT, LDAPS_PORT, CA = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
TLS = ldap3.Tls(ca_certs_file=CA, validate=ssl.CERT_REQUIRED)


def ok(step, condition, seen=None):
    if not condition:
        sys.exit(f"{step}: failed: {seen}")
    print(f"{step}: ok", flush=True)


def bind(port, use_ssl, when):
    server = ldap3.Server("localhost", port=port, use_ssl=use_ssl, tls=TLS, get_info=ldap3.NONE)
    return ldap3.Connection(server, authentication=ldap3.SASL, sasl_mechanism=ldap3.KERBEROS, auto_bind=when)


def works(step, connection):
    who = connection.extend.standard.who_am_i()
    connection.search(BASE, "(sAMAccountName=alice)", attributes=["distinguishedName"])
    dn = "CN=alice,OU=Engineering," + BASE
    ok(step, who == "u:CONTOSO\\alice" and connection.entries[0].entry_dn == dn, (who, connection.result))


# ldap3 knows no layers of its own: without TLS the connection is bare, which is allowed on one machine only.
works("plain", bind(LDAP_PORT, False, ldap3.AUTO_BIND_NO_TLS))
# Over TLS it sends the channel's bindings (RFC 5929, tls-server-end-point) with its ticket.
works("starttls", bind(LDAP_PORT, False, ldap3.AUTO_BIND_TLS_BEFORE_BIND))
works("ldaps", bind(LDAPS_PORT, True, ldap3.AUTO_BIND_NO_TLS))
