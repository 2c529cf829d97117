"""Microsoft's own clients for managed identities and Key Vault: VERB NAME OBJECT_ID VAULT_URL CA, where VERB is `set` or `get`.

`set` stores what comes on standard input; `get` prints the current value.
"""

import sys

from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

verb, name, object_id, vault, ca = sys.argv[1:]
# The emulated vault's name is `localhost`, which the audience of its tokens is not a part of.
client = SecretClient(
    vault,
    ManagedIdentityCredential(identity_config={"object_id": object_id}),
    connection_verify=ca,
    verify_challenge_resource=False,
)
if verb == "set":
    print(client.set_secret(name, sys.stdin.read()).properties.version)
else:
    print(client.get_secret(name).value)
