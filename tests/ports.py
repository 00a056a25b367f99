"""Ports for servers that cannot choose one themselves."""

import itertools
import os
import socket

# The system assigns higher ports to programs that name none. Each test process has 100 ports.
_ports = itertools.count(20_000 + os.getpid() % 110 * 100)


def free_port(address: str = "127.0.0.1") -> int:
    """Return a free port of an address. No other test of this process gets the same port."""
    for port in _ports:
        try:
            socket.create_server((address, port)).close()
        except OSError:
            continue
        return port
    raise AssertionError
