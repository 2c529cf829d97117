"""Answers as Rancher's account provider does: GET /provider with the header `object`, over TLS with a client certificate.

Arguments: its folder, the secret's name, its username, password and domain. Prints its port.
"""

import http.server
import json
import ssl
import sys

FOLDER, SECRET, USERNAME, PASSWORD, DOMAIN = sys.argv[1:]


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.headers.get("object", "")
        if self.path != "/provider":
            self.answer(404, "text/plain", b"404 page not found")
        elif not name:
            self.answer(400, None, b"")
        elif name != SECRET:
            self.answer(404, None, b"")
        else:
            body = {"username": USERNAME, "password": PASSWORD, "domainName": DOMAIN}
            self.answer(200, "application/json; charset=utf-8", json.dumps(body, separators=(",", ":")).encode())

    def answer(self, status, kind, body):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(f"{FOLDER}/ssl/server/tls.crt", f"{FOLDER}/ssl/server/tls.key")
context.load_verify_locations(f"{FOLDER}/ssl/ca/ca.crt")
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
