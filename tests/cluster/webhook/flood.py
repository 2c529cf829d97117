"""Connections of eight addresses at a webhook's port, HOST PORT, each of which has it keep as much as it will; then a review of another address.

Says as JSON how many connections there were and what the review was answered.
"""
import json, socket, ssl, struct, sys, threading

host, port = sys.argv[1], int(sys.argv[2])
context = ssl._create_unverified_context()


def frame(kind, flags, stream, payload):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def field(name, value):
    return b'\0' + b''.join(bytes([len(text)]) + text.encode() for text in (name, value))


def two():
    """HTTP/2: four streams whose bodies are as long as all windows let them be, and as many with heads alone."""
    head = b''.join(field(*one) for one in [(':method', 'POST'), (':scheme', 'https'), (':path', '/mutate'), (':authority', 'x'), ('content-type', 'application/json')])
    head += b''.join(field(f'x-{number}', 'x' * 60) for number in range(30))
    text = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b'')
    text += b''.join(frame(1, 4, 1 + 2 * number, head) for number in range(8))
    sizes = [16384, 16384, 16384, 16383]
    return text + b''.join(frame(0, 0, 1 + 2 * number, b'[' * size) for number, size in enumerate(sizes))


def one():
    """HTTP/1: a body of which some is missing."""
    return b'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4194304\r\n\r\n' + b'[' * (1 << 20)


held = []


def flood(source):
    for turn in range(64):
        version, text = [('h2', two), ('http/1.1', one)][turn % 2]
        own = ssl._create_unverified_context()
        own.set_alpn_protocols([version])
        try:
            stream = own.wrap_socket(socket.create_connection((host, port), timeout=10, source_address=(source, 0)))
            held.append(stream)
            stream.sendall(text())
        except OSError:
            # It gave way to another.
            pass


threads = [threading.Thread(target=flood, args=(f'127.0.1.{number}',)) for number in range(1, 9)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
body = json.dumps({'request': {'uid': 'u', 'kind': {'kind': 'Pod'}, 'operation': 'CREATE', 'namespace': 'shop', 'object': {}}}).encode()
codes = []
for path in ('mutate', 'validate'):
    # So long an API server waits.
    with context.wrap_socket(socket.create_connection((host, port), timeout=10)) as stream:
        stream.sendall(b'POST /%s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n' % (path.encode(), len(body)) + body)
        codes.append(stream.recv(12).decode()[-3:])
print(json.dumps({'connections': len(held), 'codes': codes}))
