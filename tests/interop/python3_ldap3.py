"""What an application does with python3-ldap3; prints `STEP: ok` for each step that did what it should."""

import ssl
import sys

import ldap3
from ldap3.utils.conv import escape_filter_chars

BASE, LDAP_PORT, LDAPS_PORT, CA = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
ADMIN, PASSWORD = "Administrator@contoso.com", sys.stdin.read()
TLS = ldap3.Tls(ca_certs_file=CA, validate=ssl.CERT_REQUIRED)


def server(port, use_ssl=False, info=ldap3.ALL):
    return ldap3.Server("localhost", port=port, use_ssl=use_ssl, tls=TLS, get_info=info)


def ok(step, condition, seen=None):
    if not condition:
        sys.exit(f"{step}: failed: {seen}")
    print(f"{step}: ok", flush=True)


plain = server(LDAP_PORT)
connection = ldap3.Connection(plain, ADMIN, PASSWORD, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)
ok("starttls", connection.extend.standard.who_am_i() == "u:CONTOSO\\Administrator", connection.result)

schema = plain.schema
user = schema.object_classes["user"]
ok("schema", "sAMAccountName" in schema.attribute_types and user.oid == "1.2.840.113556.1.5.9"
   and plain.info.other["defaultNamingContext"] == [BASE], plain.info)

sealed = ldap3.Connection(server(LDAPS_PORT, use_ssl=True), ADMIN, PASSWORD, auto_bind=True)
ok("ldaps", sealed.bound, sealed.result)

refused = ldap3.Connection(server(LDAPS_PORT, use_ssl=True, info=ldap3.NONE), "alice@contoso.com", "wrong")
refused.bind()
ok("bind error", refused.result["result"] == 49 and "data 52e" in refused.result["message"], refused.result)

entries = list(sealed.extend.standard.paged_search(
    "CN=Schema,CN=Configuration," + BASE, "(objectClass=classSchema)", attributes=["lDAPDisplayName", "schemaIDGUID"],
    paged_size=50, generator=True))
names = {entry["attributes"]["lDAPDisplayName"] for entry in entries if entry["type"] == "searchResEntry"}
ok("paged", len(names) > 200 and "msDS-GroupManagedServiceAccount" in names, len(names))

DN = "CN=Dora\\, the Explorer,OU=Engineering," + BASE
added = sealed.add(DN, "user", {"sAMAccountName": "dora", "displayName": "Döra Größe 探検"})
sealed.search(BASE, "(displayName=" + escape_filter_chars("döra größe 探検") + ")", attributes=["*", "objectGUID", "whenCreated"])
entry = sealed.entries[0] if sealed.entries else None
ok("add", added and entry is not None and entry.displayName.value == "Döra Größe 探検" and entry.entry_dn == DN, sealed.result)

modified = sealed.modify(DN, {"description": [(ldap3.MODIFY_REPLACE, ["walks"])], "title": [(ldap3.MODIFY_ADD, ["Scout"])]})
guid = entry.objectGUID.raw_values[0]
sealed.search(BASE, "(objectGUID=" + "".join(f"\\{byte:02x}" for byte in guid) + ")", attributes=["description", "title"])
ok("modify", modified and sealed.entries[0].description.value == "walks" and sealed.entries[0].title.value == "Scout", sealed.result)

reset = sealed.extend.microsoft.modify_password(DN, "Swiper-n0-swiping")
sealed.modify(DN, {"userAccountControl": [(ldap3.MODIFY_REPLACE, [512])]})
dora = ldap3.Connection(server(LDAPS_PORT, use_ssl=True, info=ldap3.NONE), "dora@contoso.com", "Swiper-n0-swiping")
ok("password", reset and dora.bind(), (sealed.result, dora.result))

renamed = sealed.modify_dn(DN, "CN=Dora", new_superior="CN=Users," + BASE)
DN = "CN=Dora,CN=Users," + BASE
sealed.search(DN, "(objectClass=user)", search_scope=ldap3.BASE, attributes=["sAMAccountName"])
ok("rename", renamed and sealed.entries[0].sAMAccountName.value == "dora", sealed.result)

ok("compare", sealed.compare(DN, "title", "scout") and not sealed.compare(DN, "title", "map"), sealed.result)

deleted = sealed.delete(DN)
sealed.search(BASE, "(sAMAccountName=dora)")
ok("delete", deleted and not sealed.entries, sealed.result)
