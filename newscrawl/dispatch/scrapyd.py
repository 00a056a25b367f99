"""Scrapyd's API: read the jobs of a node, and add a job.

scrapyd-client's own class waits without end for a node that hangs, and reads no status.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from newscrawl.dispatch.nodes_table import Node

_TIMEOUT = 30  # seconds; the first job after a start of Scrapyd waits until it has listed outlets


class NodeError(Exception):
    """A node cannot be used now; the message is the reason, without the node's name."""


class RefusedJobError(NodeError):
    """A node does not take a job; the message is Scrapyd's."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node has: the outlets of its jobs, how many jobs those are, and the project's eggs."""

    outlets: frozenset[str]
    jobs: int
    versions: Sequence[str]


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect, which would get the password, too."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Refuse."""


class Scrapyd:
    """The Scrapyd of one node. Every method raises NodeError."""

    def __init__(self, node: Node, project: str) -> None:
        self.node = node
        self._project = project
        self._opener = build_opener(_NoRedirects)
        if node.username or node.password:
            user = base64.b64encode(f"{node.username}:{node.password}".encode()).decode()
            self._opener.addheaders = [("Authorization", f"Basic {user}")]

    def state(self) -> NodeState:
        """Return the jobs of the node, of all projects, and the versions of its eggs in order."""
        jobs = self._ask("listjobs.json")
        versions = self._ask(f"listversions.json?{urlencode({'project': self._project})}")
        active = [*jobs["pending"], *jobs["running"]]
        outlets = {it["spider"] for it in active if it["project"] == self._project}
        return NodeState(frozenset(outlets), len(active), versions["versions"])

    def schedule(
        self,
        outlet: str,
        version: str,
        arguments: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> str:
        """Give the node a crawl; return the id of its job. Raises RefusedJobError."""
        fields: Iterable[tuple[str, str]] = (
            ("project", self._project),
            ("spider", outlet),
            ("_version", version),
            *arguments.items(),
            *(("setting", f"{name}={value}") for name, value in settings.items()),
        )
        return str(self._ask("schedule.json", urlencode(list(fields)).encode())["jobid"])

    def _ask(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        url = self.node.url + path
        try:
            with self._opener.open(Request(url, data), timeout=_TIMEOUT) as answer:  # noqa: S310
                text = answer.read()
            document: dict[str, Any] = json.loads(text)
            if document["status"] != "ok":
                raise RefusedJobError(str(document["message"]))
        except HTTPError as error:
            error.close()
            if error.code == 401:
                raise NodeError("it refuses this user and password") from None
            raise NodeError(f"it answers with status {error.code}") from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            why = getattr(reason, "strerror", None) or reason or type(error).__name__
            raise NodeError(f"it cannot be reached at {self.node.url} ({why})") from None
        except (ValueError, KeyError, TypeError):
            raise NodeError(f"what answers at {self.node.url} is no Scrapyd") from None
        return document
