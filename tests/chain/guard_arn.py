"""What an agent does that has credential specs in AWS: SOCKET PROTO REGION, and access keys on standard input.

Prints `STEP: ok` for each step that did what it should.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile

import grpc

SOCKET, PROTO, REGION = sys.argv[1:]
KEYS = json.load(sys.stdin)
OUT = tempfile.mkdtemp()
subprocess.run(["protoc", f"--python_out={OUT}", f"-I{os.path.dirname(PROTO)}", PROTO], check=True)
sys.path.insert(0, OUT)
pb = importlib.import_module("credentials_fetcher_pb2")
channel = grpc.insecure_channel(f"unix:{SOCKET}")
CODE = grpc.StatusCode
OBJECT, PARAMETER = "arn:aws:s3:::specs/team a/webapp01.json", f"arn:aws:ssm:{REGION}:123456789012:parameter/gmsa/webapp01"


def call(method, request, answer):
    path = f"/credentialsfetcher.CredentialsFetcherService/{method}"
    return channel.unary_unary(path, type(request).SerializeToString, answer.FromString)(request, timeout=60)


def ok(step, condition, seen=None):
    if not condition:
        sys.exit(f"{step}: failed: {seen}")
    print(f"{step}: ok", flush=True)


def refused(step, code, text, function, *arguments, **named):
    try:
        seen = function(*arguments, **named)
    except grpc.RpcError as error:
        ok(step, error.code() == code and text in error.details(), error)
    else:
        sys.exit(f"{step}: was answered: {seen}")


def keys(whose):
    key = KEYS[whose]
    return {"access_key_id": key["key"], "secret_access_key": key["secret"], "session_token": key["token"],
            "region": REGION}


def add(whose, *arns):
    request = pb.KerberosArnLeaseRequest(credspec_arns=arns, **keys(whose))
    return call("AddKerberosArnLease", request, pb.CreateKerberosArnLeaseResponse)


def renew(whose):
    request = pb.RenewKerberosArnLeaseRequest(**keys(whose))
    return call("RenewKerberosArnLease", request, pb.RenewKerberosArnLeaseResponse)


ok("nothing to renew", renew("reader").status == "successful")
lease = add("reader", OBJECT + "#123/WebApp01")
[ticket] = lease.krb_ticket_response_map
cache = ticket.created_kerberos_file_paths + "/krb5cc"
ok("an object", ticket.credspec_arns == OBJECT and cache.endswith(f"/{lease.lease_id}/webapp01/krb5cc")
   and os.path.exists(cache), lease)
named = add("session", PARAMETER + "#0123456789abcdef0123/webapp01")
[other] = named.krb_ticket_response_map
ok("a parameter, and a lease that its caller named", named.lease_id == "0123456789abcdef0123"
   and other.credspec_arns == PARAMETER and os.path.exists(other.created_kerberos_file_paths + "/krb5cc"), named)

before = [os.stat(cache).st_ino, os.stat(other.created_kerberos_file_paths + "/krb5cc").st_ino]
status = renew("session").status
after = [os.stat(cache).st_ino, os.stat(other.created_kerberos_file_paths + "/krb5cc").st_ino]
ok("renewal of both", status == "successful" and not set(before) & set(after), (status, before, after))
refused("renewal with a stranger's key", CODE.FAILED_PRECONDITION, "GetSecretValue", renew, "stranger")
refused("a stranger", CODE.PERMISSION_DENIED, "s3:GetObject", add, "stranger", OBJECT)
refused("nothing there", CODE.NOT_FOUND, "create it", add, "reader", "arn:aws:s3:::specs/missing.json")
refused("another plugin's spec", CODE.INVALID_ARGUMENT, "names no secret of AWS", add, "reader",
        "arn:aws:s3:::specs/rkc.json")
gone = call("DeleteKerberosLease", pb.DeleteKerberosLeaseRequest(lease_id=lease.lease_id),
            pb.DeleteKerberosLeaseResponse)
ok("delete", list(gone.deleted_kerberos_file_paths) == [ticket.created_kerberos_file_paths]
   and not os.path.exists(cache), gone)
