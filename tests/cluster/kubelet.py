"""One gRPC call as kubelet makes it: kubelet.py INTERFACES SOCKET PACKAGE.Service/Method SECONDS < request.json

The messages are made by protoc from the published interfaces. Prints {"code", "details", "answer"}.
"""

import importlib
import json
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, json_format, timestamp_pb2, wrappers_pb2

INTERFACES, SOCKET, METHOD, SECONDS = sys.argv[1:5]
NAME = "csi" if METHOD.startswith("csi.") else "pluginregistration"

with tempfile.TemporaryDirectory() as out:
    # What the interfaces import comes with Python's protobuf.
    known = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, timestamp_pb2, wrappers_pb2):
        known.file.add().MergeFromString(module.DESCRIPTOR.serialized_pb)
    with open(f"{out}/known", "wb") as file:
        file.write(known.SerializeToString())
    subprocess.run(["protoc", f"--python_out={out}", f"-I{INTERFACES}", f"--descriptor_set_in={out}/known",
                    f"{NAME}.proto"], check=True)
    sys.path.insert(0, out)
    pb = importlib.import_module(f"{NAME}_pb2")

service, method = METHOD.split("/")
described = pb.DESCRIPTOR.services_by_name[service.split(".")[-1]].methods_by_name[method]
question, answer = getattr(pb, described.input_type.name), getattr(pb, described.output_type.name)
request = json_format.ParseDict(json.load(sys.stdin), question())
with grpc.insecure_channel(f"unix:{SOCKET}") as channel:
    call = channel.unary_unary(f"/{METHOD}", question.SerializeToString, answer.FromString)
    try:
        got = json_format.MessageToDict(call(request, timeout=int(SECONDS)), preserving_proto_field_name=True)
        print(json.dumps({"code": "OK", "details": "", "answer": got}))
    except grpc.RpcError as error:
        print(json.dumps({"code": error.code().name, "details": error.details(), "answer": {}}))
