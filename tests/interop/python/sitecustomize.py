"""Leads published programs, which know the usual ports only, to a test's domain; nothing else about them is changed.

Python imports this by itself. DOMAIN is the domain's name, DOMAIN_PORTS says where its ports really are: "88=40001,389=40002".
"""

import os
import socket

DOMAIN = os.environ["DOMAIN"]
PORTS = dict(pair.split("=") for pair in os.environ["DOMAIN_PORTS"].split(","))

getaddrinfo, connect = socket.getaddrinfo, socket.socket.connect


def resolve(host, *rest, **named):
    name = host.decode() if isinstance(host, bytes) else host or ""
    return getaddrinfo("127.0.0.1" if name.lower().endswith(DOMAIN) else host, *rest, **named)


def connect_there(self, address):
    if self.family == socket.AF_INET and str(address[1]) in PORTS:
        address = (address[0], int(PORTS[str(address[1])]))
    return connect(self, address)


socket.getaddrinfo, socket.socket.connect = resolve, connect_there
