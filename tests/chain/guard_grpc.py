"""What a program made for credentials-fetcher does; prints `STEP: ok` for each step that did what it should.

The messages are made by protoc from the published interface, so that what goes over the socket is what its clients send.
"""

import importlib
import json
import os
import stat
import subprocess
import sys
import tempfile

import grpc

SOCKET, PROTO, SPEC, PASSWORD = sys.argv[1], sys.argv[2], open(sys.argv[3]).read(), sys.stdin.read()
OUT = tempfile.mkdtemp()
subprocess.run(["protoc", f"--python_out={OUT}", f"-I{os.path.dirname(PROTO)}", PROTO], check=True)
sys.path.insert(0, OUT)
pb = importlib.import_module("credentials_fetcher_pb2")
channel = grpc.insecure_channel(f"unix:{SOCKET}")


def call(method, request, answer):
    path = f"/credentialsfetcher.CredentialsFetcherService/{method}"
    return channel.unary_unary(path, type(request).SerializeToString, answer.FromString)(request, timeout=60)


def ok(step, condition, seen=None):
    if not condition:
        sys.exit(f"{step}: failed: {seen}")
    print(f"{step}: ok", flush=True)


def refused(step, code, text, method, request, answer):
    try:
        seen = call(method, request, answer)
    except grpc.RpcError as error:
        ok(step, error.code() == code and text in error.details(), error)
    else:
        sys.exit(f"{step}: was answered: {seen}")


def files(folder):
    return sorted(os.listdir(folder))


CODE = grpc.StatusCode
health = call("HealthCheck", pb.HealthCheckRequest(service="test"), pb.HealthCheckResponse)
ok("health", health.status == "OK", health)
refused("health of nothing", CODE.INVALID_ARGUMENT, "service", "HealthCheck", pb.HealthCheckRequest(),
        pb.HealthCheckResponse)

lease = call("AddKerberosLease", pb.CreateKerberosLeaseRequest(credspec_contents=[SPEC]),
             pb.CreateKerberosLeaseResponse)
[folder] = lease.created_kerberos_file_paths
mode = stat.S_IMODE(os.stat(folder + "/krb5cc").st_mode)
ok("lease", len(lease.lease_id) == 20 and folder.endswith(f"/{lease.lease_id}/webapp01") and files(folder) == ["krb5cc"]
   and mode == 0o600, (lease, mode))

# As Amazon ECS writes it, which reads the secret itself.
ecs = json.loads(SPEC)
ecs["ActiveDirectoryConfig"]["HostAccountConfig"] = {
    "PortableCcgVersion": "1", "PluginGUID": "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
    "PluginInput": {"CredentialArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webapp01-x"}}
brought = call("AddNonDomainJoinedKerberosLease", pb.CreateNonDomainJoinedKerberosLeaseRequest(
    credspec_contents=[json.dumps(ecs)], username="svc-guard", password=PASSWORD, domain="contoso.com"),
    pb.CreateNonDomainJoinedKerberosLeaseResponse)
ok("brought credentials", files(brought.created_kerberos_file_paths[0]) == ["krb5cc"], brought)

before = os.stat(brought.created_kerberos_file_paths[0] + "/krb5cc").st_ino
renew = pb.RenewNonDomainJoinedKerberosLeaseRequest(username="svc-guard", password=PASSWORD, domain="CONTOSO")
renewed = None
refused("renewal by another name", CODE.NOT_FOUND, "no lease was made with", "RenewNonDomainJoinedKerberosLease",
        pb.RenewNonDomainJoinedKerberosLeaseRequest(username="bob", password="x", domain="contoso.com"),
        pb.RenewNonDomainJoinedKerberosLeaseResponse)
renew.domain = "contoso.com"
renewed = call("RenewNonDomainJoinedKerberosLease", renew, pb.RenewNonDomainJoinedKerberosLeaseResponse)
after = os.stat(brought.created_kerberos_file_paths[0] + "/krb5cc").st_ino
ok("renewal", list(renewed.renewed_kerberos_file_paths) == list(brought.created_kerberos_file_paths)
   and before != after, renewed)

refused("wrong password", CODE.FAILED_PRECONDITION, "refused the password", "AddNonDomainJoinedKerberosLease",
        pb.CreateNonDomainJoinedKerberosLeaseRequest(credspec_contents=[SPEC], username="svc-guard", password="wrong",
                                                     domain="contoso.com"),
        pb.CreateNonDomainJoinedKerberosLeaseResponse)
refused("other domain", CODE.INVALID_ARGUMENT, "fabrikam.test", "AddNonDomainJoinedKerberosLease",
        pb.CreateNonDomainJoinedKerberosLeaseRequest(credspec_contents=[SPEC], username="svc-guard", password="x",
                                                     domain="fabrikam.test"),
        pb.CreateNonDomainJoinedKerberosLeaseResponse)
refused("a name that is two", CODE.INVALID_ARGUMENT, "username", "AddNonDomainJoinedKerberosLease",
        pb.CreateNonDomainJoinedKerberosLeaseRequest(credspec_contents=[SPEC], username="a/b", password="x",
                                                     domain="contoso.com"),
        pb.CreateNonDomainJoinedKerberosLeaseResponse)


def add(*specs):
    return "AddKerberosLease", pb.CreateKerberosLeaseRequest(credspec_contents=specs), pb.CreateKerberosLeaseResponse


refused("no spec", CODE.INVALID_ARGUMENT, "no credential spec", *add())
refused("not a spec", CODE.INVALID_ARGUMENT, "credential spec", *add("{}"))
refused("the same twice", CODE.INVALID_ARGUMENT, "webapp01", *add(SPEC, SPEC))
refused("too many", CODE.INVALID_ARGUMENT, "at most", *add(*[SPEC] * 17))
refused("too long", CODE.OUT_OF_RANGE, "", *add(" " * (5 << 20)))
refused("a path as a name", CODE.INVALID_ARGUMENT, "character", *add(SPEC.replace("webapp01", "../../x")))


def shelf(arn, key="AKIDEXAMPLE", region="eu-central-1"):
    request = pb.KerberosArnLeaseRequest(credspec_arns=arn and [arn], access_key_id=key, secret_access_key="x",
                                         region=region)
    return "AddKerberosArnLease", request, pb.CreateKerberosArnLeaseResponse


refused("no arn", CODE.INVALID_ARGUMENT, "credspec_arns", *shelf(None))
refused("not an arn", CODE.INVALID_ARGUMENT, "arn:aws:s3", *shelf("test-arn"))
refused("a bucket elsewhere", CODE.INVALID_ARGUMENT, "arn", *shelf("arn:aws:s3:::specs/../others/x"))
refused("a mount path elsewhere", CODE.INVALID_ARGUMENT, "<lease>/<name>", *shelf("arn:aws:s3:::specs/x#../.."))
refused("a region elsewhere", CODE.INVALID_ARGUMENT, "region", *shelf("arn:aws:s3:::specs/x", region="evil.example/"))
refused("no key", CODE.INVALID_ARGUMENT, "access_key_id", *shelf("arn:aws:s3:::specs/x", key=""))


def delete(lease_id):
    return "DeleteKerberosLease", pb.DeleteKerberosLeaseRequest(lease_id=lease_id), pb.DeleteKerberosLeaseResponse


gone = call(*delete(lease.lease_id))
ok("delete", gone.lease_id == lease.lease_id and list(gone.deleted_kerberos_file_paths) == [folder]
   and not os.path.exists(os.path.dirname(folder)), gone)
refused("delete again", CODE.NOT_FOUND, lease.lease_id, *delete(lease.lease_id))
refused("delete elsewhere", CODE.INVALID_ARGUMENT, "20", *delete("../../../etc"))
