"""Machines for tests of several nodes: network namespaces on a bridge, or this machine's ports."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """A machine: its address, and the prefix of commands that run on it."""

    address: str
    inside: tuple[str, ...] = ()
    link: str = ""

    def cut(self) -> None:
        """Take the machine from the network."""
        ip("link", "set", self.link, "down")

    def join(self) -> None:
        """Put the machine back into the network."""
        ip("link", "set", self.link, "up")


@dataclass(frozen=True)
class Network:
    """Machines, and the address at which they reach the servers of the test."""

    address: str
    machines: tuple[Machine, ...]

    @property
    def is_real(self) -> bool:
        """Whether the machines are network namespaces."""
        return bool(self.machines[0].inside)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def network(count: int) -> Iterator[Network]:
    """Make machines; without the rights for namespaces they are this machine."""
    name = f"nc{os.getpid() % 100_000}"
    subnet = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    with ExitStack() as undo:
        try:
            if not shutil.which("ip"):
                raise FileNotFoundError("ip")
            ip("link", "add", name, "type", "bridge")
        except (OSError, subprocess.CalledProcessError):
            yield Network("127.0.0.1", (Machine("127.0.0.1"),) * count)
            return
        undo.callback(ip, "link", "del", name)
        ip("address", "add", f"{subnet}.1/24", "dev", name)
        ip("link", "set", name, "up")
        machines = []
        for number in range(count):
            space, link = f"{name}-{number}", f"{name}v{number}"
            address = f"{subnet}.{number + 2}"
            ip("netns", "add", space)
            undo.callback(ip, "netns", "del", space)
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", link, "master", name, "up")
            for command in (
                ("address", "add", f"{address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("link", "set", "lo", "up"),
            ):
                ip("-n", space, *command)
            machines.append(Machine(address, ("ip", "netns", "exec", space), link))
        yield Network(f"{subnet}.1", tuple(machines))


@contextmanager
def relay(address: str, port: int) -> Iterator[int]:
    """Pass connections to a port of ``address`` on to a port of 127.0.0.1; yield the new port."""
    server = socket.create_server((address, 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                target = socket.create_connection(("127.0.0.1", port))
                for pair in ((client, target), (target, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for it in (source, target):
            with suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
        source.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        # Ends the accept, too.
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
