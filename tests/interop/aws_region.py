"""A region of AWS for one test: moto, which implements it, over TLS, with authentication on.

moto computes each request's signature anew with botocore, AWS's own client library, and refuses one that differs; it lets an access key
do what the policy of its owner says. What is stored, and by whom it may be read, is said on the first line of standard input; more secrets
on the lines that follow. Each is answered by a line. It ends with its input.
"""

import json
import ssl
import sys
import threading

import boto3
from moto import settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

CERTIFICATE, KEY, CA, REGION = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = make_server("localhost", 0, DomainDispatcherApplication(create_backend_app), threaded=True,
                     ssl_context=context)
threading.Thread(target=server.serve_forever, daemon=True).start()
HERE = f"https://localhost:{server.port}"


def client(service, key="setup", secret="setup", token=None):
    return boto3.client(service, region_name=REGION, endpoint_url=HERE, verify=CA, aws_access_key_id=key,
                        aws_secret_access_key=secret, aws_session_token=token)


def store(what):
    for name, text in what.get("secrets", {}).items():
        secrets = client("secretsmanager", **ADMINISTRATOR)
        try:
            arn = secrets.create_secret(Name=name, SecretString=text)["ARN"]
        except secrets.exceptions.ResourceExistsException:
            arn = secrets.put_secret_value(SecretId=name, SecretString=text)["ARN"]
        yield name, arn
    for name, text in what.get("parameters", {}).items():
        client("ssm", **ADMINISTRATOR).put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    for name, text in what.get("objects", {}).items():
        client("s3", **ADMINISTRATOR).put_object(Bucket="specs", Key=name, Body=text.encode())


def user(name, actions):
    iam = client("iam")
    iam.create_user(UserName=name)
    allowed = [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
    iam.put_user_policy(UserName=name, PolicyName="all",
                        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


ADMINISTRATOR = user("administrator", "*")
reader = user("reader", ["secretsmanager:GetSecretValue", "ssm:GetParameter", "s3:GetObject"])
stranger = user("stranger", ["sqs:*"])
client("s3").create_bucket(Bucket="specs", CreateBucketConfiguration={"LocationConstraint": REGION})
role = client("iam").create_role(RoleName="guard", AssumeRolePolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}))
client("iam").put_role_policy(RoleName="guard", PolicyName="all", PolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
session = client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="guard")["Credentials"]
session = {"key": session["AccessKeyId"], "secret": session["SecretAccessKey"], "token": session["SessionToken"]}

# From now on nobody is let in without a right signature.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0.0
print(json.dumps({"port": server.port, "reader": reader, "stranger": stranger, "session": session}), flush=True)
for line in sys.stdin:
    print(json.dumps(dict(store(json.loads(line)))), flush=True)
