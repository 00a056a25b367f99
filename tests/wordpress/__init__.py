"""A real WordPress as https://thehill.com, on loopback, with the acts of an editor.

Debian's packages do the work: MariaDB and PHP on sockets, nginx with gzip before them, all as
the user who runs the tests and below one temporary folder. A crawler reaches it as it reaches
the sample site: ``port`` is that of a proxy, which leads every CONNECT to nginx.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEBIAN = Path("/usr/share/wordpress")

SECTIONS = {
    "homenews": "News",
    "homenews/senate": "Senate",
    "homenews/campaign": "Campaign",
    "homenews/education": "Education",
    "policy": "Policy",
    "policy/defense": "Defense",
    "opinion": "Opinion",
    "opinion/campaign": "Campaign",
    "opinion/judiciary": "Judiciary",
    "opinion/judiciary/supreme-court": "Supreme Court",
}
AUTHORS = {
    "ada-lorn": "Ada Lorn",
    "ben-quist": "Ben Quist",
    "maria-oneill": "María O’Neill-Ortiz",
}


def missing() -> str:
    """Return what is not installed, as a sentence; an empty string when all is there."""
    lacking = [
        name
        for name, there in {
            "wordpress": DEBIAN.is_dir(),
            "mariadb-server-core": _program("mariadbd") and _program("mariadb-install-db"),
            "mariadb-client-core": _program("mariadb"),
            "php-fpm": _program("php-fpm"),
            "php-cli": _program("php"),
            "nginx": _program("nginx"),
            "openssl": _program("openssl"),
        }.items()
        if not there
    ]
    return (
        f"WordPress cannot run here without {', '.join(lacking)} (as root: make wordpress)"
        if lacking
        else ""
    )


def _program(name: str) -> str | None:
    """Return the path of a program; Debian's PHP carries its version in its name."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
    if found := shutil.which(name, path=path):
        return found
    versions = sorted(Path("/usr/sbin").glob(f"{name}[0-9]*"))
    return str(versions[-1]) if versions else None


class WordPress:
    """The running site. What an editor does is a method; numbers of posts are integers.

    Times are aware moments. A post without ``modified`` has the time that WordPress gives it.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._read = 0
        self._editor: subprocess.Popen[str] | None = None

    def act(self, *acts: tuple[str, Sequence[Any] | dict[str, Any]]) -> list[Any]:
        """Do what ``acts.php`` can do; return what each act gave."""
        log = self.folder / "acts.log"
        if self._editor is None:
            with log.open("w") as stream:
                self._editor = subprocess.Popen(
                    [str(_program("php")), "-d", "memory_limit=512M", str(HERE / "acts.php")],
                    env={**os.environ, "WORDPRESS": str(self.folder / "site")},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    text=True,
                )
        assert self._editor.stdin is not None
        assert self._editor.stdout is not None
        self._editor.stdin.write(json.dumps(acts) + "\n")
        self._editor.stdin.flush()
        given = self._editor.stdout.readline()
        if not given.startswith("["):
            rest, _ = self._editor.communicate()
            self._editor = None
            raise RuntimeError(f"{acts[0][0]}: {given}{rest}{log.read_text()}")
        return list(json.loads(given))

    def leave(self) -> None:
        """End the process that acts; the next act starts another."""
        if self._editor is not None:
            self._editor.communicate()
            self._editor = None

    def clear(self) -> None:
        """Take away every post and every option that a test has set."""
        self.act(("clear", []))
        self.requests()

    def write(self, title: str, section: str | list[str] = "homenews/senate", **more: Any) -> int:
        """Publish a post: ``date``, ``modified``, ``authors``, ``body``, ``status``, ``more``."""
        (identity,) = self.act(("write", {"title": title, "section": section, **_plain(more)}))
        return int(identity)

    def write_all(self, posts: Sequence[dict[str, Any]]) -> list[int]:
        """Publish many posts."""
        common = {"section": "homenews/senate"}
        return [int(it) for it in self.act(*(("write", common | _plain(post)) for post in posts))]

    def import_all(self, count: int, date: datetime, modified: datetime) -> list[int]:
        """Import posts of one time, as a migration does."""
        given = (count, "policy/defense", _gmt(date), _gmt(modified))
        (identities,) = self.act(("import", given))
        return [int(it) for it in identities]

    def schedule(self, title: str, date: datetime, **more: Any) -> int:
        """Write a post that is to appear at a time to come."""
        return self.write(title, date=date, status="future", **more)

    def appear(self, identity: int, date: datetime, modified: datetime) -> None:
        """Let a scheduled post appear, as wp-cron does; it was last saved at ``modified``."""
        self.act(("appear", [identity, _gmt(date), _gmt(modified)]))

    def edit(self, identity: int, **fields: str) -> None:
        """Update fields such as post_title, post_name, post_status, post_password, section."""
        self.act(("edit", [identity, fields]))

    def saved_at(self, identity: int, moment: datetime) -> None:
        """Give a post the time of its last edit: WordPress' clock is not that of the crawls."""
        self.act(("stamp", [identity, {"post_modified": _gmt(moment)}]))

    def credit(self, identity: int, *authors: str) -> None:
        """Name a post's authors and save it."""
        self.act(("credit", [identity, authors]))

    def trash(self, identity: int) -> None:
        """Put a post into the trash."""
        self.act(("trash", [identity]))

    def restore(self, identity: int) -> None:
        """Take a post out of the trash and publish it again."""
        self.act(("restore", [identity]))

    def delete(self, identity: int) -> None:
        """Delete a post for good."""
        self.act(("delete", [identity]))

    def permalinks(self, structure: str) -> None:
        """Set the form of the addresses of posts, as ``/%postname%/``."""
        self.act(("permalinks", [structure]))

    def option(self, name: str, value: str | int) -> None:
        """Set a fault or habit of the site; see ``hill.php``."""
        self.act(("option", [name, value]))

    def show(self, identity: int) -> dict[str, str]:
        """Return a post's status, times and address."""
        return dict(self.act(("show", [identity]))[0])

    def requests(self) -> list[tuple[int, str]]:
        """Return status and address of every request since the last call, in order."""
        lines = (self.folder / "access.log").read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in new]


def _gmt(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: _gmt(v) if isinstance(v, datetime) else v for k, v in values.items()}


@contextmanager
def running() -> Iterator[WordPress]:
    """Set WordPress up, and end every process of it with the block."""
    folder = Path(tempfile.mkdtemp(prefix="newscrawl-wordpress-"))
    started: list[subprocess.Popen[bytes]] = []
    proxy = _Proxy(folder / "nginx.sock")
    wordpress = WordPress(folder, proxy.start())
    try:
        _database(folder, started)
        _site(folder)
        _web(folder, started)
        wordpress.act(("install", []))
        # WordPress' own code depends on whether it is being installed.
        wordpress.leave()
        wordpress.act(("furnish", [SECTIONS, AUTHORS]))
        yield wordpress
    finally:
        wordpress.leave()
        proxy.stop()
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, name: str, socket: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a server and wait for its socket."""
    log = (folder / f"{name}.log").open("wb")
    with log:
        process = subprocess.Popen([str(_program(name)), *arguments], stdout=log, stderr=log)
    until = time.monotonic() + 60
    while not (folder / socket).exists():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise RuntimeError((folder / f"{name}.log").read_text())
        time.sleep(0.05)
    return process


def _database(folder: Path, started: "list[subprocess.Popen[bytes]]") -> None:
    root = ["--user=root"] if os.geteuid() == 0 else []
    own = ["--no-defaults", f"--datadir={folder / 'db'}", *root]
    install = [str(_program("mariadb-install-db")), *own, "--skip-test-db"]
    way = "--auth-root-authentication-method=normal"
    subprocess.run([*install, way], capture_output=True, check=True)
    socket = folder / "db.sock"
    few = ("--skip-networking", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0")
    quick = ("--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4")
    pid = f"--pid-file={folder / 'db.pid'}"
    started.append(
        _start(folder, "mariadbd", "db.sock", *own, f"--socket={socket}", pid, *few, *quick)
    )
    client = [str(_program("mariadb")), f"--socket={socket}", "-uroot", "-e"]
    subprocess.run([*client, "CREATE DATABASE wp DEFAULT CHARACTER SET utf8mb4"], check=True)


def _site(folder: Path) -> None:
    """Copy WordPress: it finds its settings beside its own files."""
    site = folder / "site"
    shutil.copytree(DEBIAN, site, ignore_dangling_symlinks=True)
    content = site / "wp-content"
    (content / "mu-plugins").mkdir(exist_ok=True)
    shutil.copy(HERE / "hill.php", content / "mu-plugins")
    shutil.copytree(HERE / "theme", content / "themes" / "hill")
    keys = [
        f"{kind}_{it}" for kind in ("AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE") for it in _SALT
    ]
    constants: dict[str, object] = {
        "DB_NAME": "wp",
        "DB_USER": "root",
        "DB_PASSWORD": "",
        "DB_HOST": f"localhost:{folder / 'db.sock'}",
        "DB_CHARSET": "utf8mb4",
        "DB_COLLATE": "",
        "DISABLE_WP_CRON": True,
        "AUTOMATIC_UPDATER_DISABLED": True,
        "WP_HTTP_BLOCK_EXTERNAL": True,
        "WP_POST_REVISIONS": False,
        **dict.fromkeys(keys, "invented"),
    }
    lines = [f"define('{name}', {json.dumps(value)});" for name, value in constants.items()]
    end = "$table_prefix = 'wp_';\ndefined('ABSPATH') || define('ABSPATH', __DIR__ . '/');\n"
    settings = "\n".join(["<?php", *lines, f"{end}require ABSPATH . 'wp-settings.php';\n"])
    (site / "wp-config.php").write_text(settings)


_SALT = ("KEY", "SALT")

_FPM = """
[global]
error_log = {folder}/fpm-error.log
[www]
{user}
listen = {folder}/php-fpm.sock
pm = static
pm.max_children = 3
php_admin_value[memory_limit] = 512M
php_admin_value[error_log] = {folder}/php-error.log
php_admin_flag[log_errors] = on
"""

_NGINX = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  log_format told '$status https://$host$request_uri';
  access_log {folder}/access.log told;
  client_body_temp_path {folder}/temp-body; proxy_temp_path {folder}/temp-proxy;
  fastcgi_temp_path {folder}/temp-fastcgi; uwsgi_temp_path {folder}/temp-uwsgi;
  scgi_temp_path {folder}/temp-scgi;
  gzip on; gzip_types application/json application/rss+xml text/xml application/xml;
  server {{
    listen unix:{folder}/nginx.sock ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    root {folder}/site; index index.php;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \\.php$ {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param SERVER_NAME $host;
      fastcgi_param REMOTE_ADDR 127.0.0.1;
      fastcgi_param HTTPS on;
      fastcgi_buffers 64 64k; fastcgi_buffer_size 64k; fastcgi_read_timeout 120;
      fastcgi_pass unix:{folder}/php-fpm.sock;
    }}
  }}
}}
"""


def _web(folder: Path, started: "list[subprocess.Popen[bytes]]") -> None:
    root = os.geteuid() == 0
    pool = "user = root\ngroup = root" if root else ""
    (folder / "fpm.conf").write_text(_FPM.format(folder=folder, user=pool))
    nginx = _NGINX.format(folder=folder, user="user root;" if root else "")
    (folder / "nginx.conf").write_text(nginx)
    key = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    subject = ("-nodes", "-days", "30", "-subj", "/CN=thehill.com")
    subprocess.run([*made, *subject, *key], capture_output=True, check=True)
    allowed = ("--allow-to-run-as-root",) if root else ()
    fpm = ("--nodaemonize", "--fpm-config", str(folder / "fpm.conf"), *allowed)
    started.append(_start(folder, "php-fpm", "php-fpm.sock", *fpm))
    error = ("-e", str(folder / "nginx-error.log"))
    started.append(_start(folder, "nginx", "nginx.sock", *error, "-c", str(folder / "nginx.conf")))


class _Proxy:
    """A proxy on a free port that leads every CONNECT to one socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()

    def start(self) -> int:
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        site_reader, site_writer = await asyncio.open_unix_connection(str(self._socket))
        await asyncio.gather(_pump(reader, site_writer), _pump(site_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
    finally:
        writer.close()
