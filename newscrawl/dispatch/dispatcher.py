"""One pass of the dispatcher: which crawls are due, and which node gets each."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from newscrawl.dispatch.memory import Given, Memory
from newscrawl.dispatch.nodes_table import Crawl, Node, NodesTable
from newscrawl.dispatch.scrapyd import NodeError, NodeState, RefusedJobError, Scrapyd
from newscrawl.dispatch.slots import share, slot

_MOST_TIMES = 3  # that a crawl is given in one slot
_PAUSE = 300  # seconds until a crawl that ended without a run is given again; each time longer
_QUEUE = 2  # jobs of a node, running and waiting, for each of its places


@dataclass(frozen=True, slots=True)
class Due:
    """A crawl of an outlet that is due, for ``late`` seconds; ``times`` it was given in vain."""

    crawl: Crawl
    outlet: str
    late: float
    times: int = 0

    @property
    def urgency(self) -> float:
        """How late it is, in periods of the crawl."""
        return self.late / self.crawl.minutes


@dataclass(slots=True)
class Pass:
    """What a pass did: crawls given, with their nodes, and what is still due.

    ``left_out`` has the reason for each node that was not used, ``refused`` for each crawl that
    the nodes did not take. ``busy`` outlets have a job or a run.
    """

    given: list[tuple[Due, str]] = field(default_factory=list)
    waiting: list[Due] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


class Dispatcher:
    """Gives the due crawls of a table to its nodes. ``outlets`` has each crawl's, by its name."""

    def __init__(
        self,
        table: NodesTable,
        outlets: Mapping[str, Sequence[str]],
        memory: Memory,
        moment: float,
    ) -> None:
        self._table = table
        self._outlets = outlets
        self._memory = memory
        self._moment = moment
        self._pass = Pass()
        self._jobs: dict[str, int] = {}
        self._usable: dict[str, Scrapyd] = {}
        self._version = table.version

    def work(self) -> Pass:
        """Give what is due, the most overdue first. Raises LedgerError."""
        states = self._states()
        self._choose(states)
        busy = self._pass.busy
        busy.update(*(it.outlets for it in states.values()), self._memory.leased())
        for due in sorted(self._due(set(states)), key=lambda it: -it.urgency):
            # Two crawls of an outlet may be due; only one run of an outlet is active at a time.
            if due.outlet not in busy and self._give(due):
                busy.add(due.outlet)
        return self._pass

    def _states(self) -> dict[str, NodeState]:
        """Return the states of the usable nodes, and note why the others are left out."""
        clients = [Scrapyd(it, self._table.project) for it in self._table.nodes]

        def ask(client: Scrapyd) -> NodeState | NodeError:
            try:
                return client.state()
            except NodeError as error:
                return error

        states = {}
        with ThreadPoolExecutor(len(clients)) as threads:
            for client, state in zip(clients, threads.map(ask, clients), strict=True):
                if isinstance(state, NodeError):
                    self._pass.left_out[client.node.name] = str(state)
                else:
                    self._usable[client.node.name] = client
                    states[client.node.name] = state
        return states

    def _choose(self, states: Mapping[str, NodeState]) -> None:
        """Leave out the nodes that lack the expected egg."""
        eggs = newest_last({it for state in states.values() for it in state.versions})
        self._version = self._version or (eggs[-1] if eggs else "")
        self._jobs = {name: state.jobs for name, state in states.items()}
        for name, state in states.items():
            if not state.versions:
                why = f"it has no egg of {self._table.project}: deploy it there"
            elif self._version not in state.versions:
                why = f"it has the egg {state.versions[-1]}, not {self._version}: deploy it there"
            else:
                continue
            del self._usable[name]
            self._pass.left_out[name] = why

    def _due(self, reachable: set[str]) -> Iterator[Due]:
        for crawl in self._table.crawls:
            given = self._memory.given(crawl.name)
            for outlet in self._outlets[crawl.name]:
                if outlet in self._pass.busy:
                    continue
                if due := self._outlet_due(crawl, outlet, given.get(outlet), reachable):
                    yield due

    def _outlet_due(
        self, crawl: Crawl, outlet: str, given: Given | None, reachable: set[str]
    ) -> Due | None:
        seconds = crawl.minutes * 60
        start = slot(crawl.name, outlet, seconds, self._moment)
        if given is None or given.time > self._moment + seconds:
            return Due(crawl, outlet, self._moment - start)
        if given.time < start:
            missed = slot(crawl.name, outlet, seconds, given.time) + seconds
            return Due(crawl, outlet, self._moment - missed)
        if self._is_served(crawl, outlet, given, is_there=given.node in reachable):
            return None
        return Due(crawl, outlet, self._moment - start, given.times)

    def _is_served(self, crawl: Crawl, outlet: str, given: Given, *, is_there: bool) -> bool:
        """Return whether a crawl that was given in this slot, and has no job, is left as it is.

        ``is_there`` says whether the node that got it can be asked, so that the job has ended.
        Only the runs of a shared ledger tell whether it had a run, or a node that died.
        """
        if given.done or given.times >= _MOST_TIMES:
            return True
        if not self._memory.knows_runs:
            return is_there
        if self._memory.has_published(outlet, given.after):
            self._memory.note_done(crawl.name, outlet, given)
            return True
        return is_there and self._moment - given.time < _PAUSE * given.times

    def _give(self, due: Due) -> bool:
        """Give a crawl to the node with the most free places; return whether one took it."""
        tried: set[str] = set()
        while nodes := [it for it in self._free() if it.name not in tried]:
            node = min(
                nodes, key=lambda it: (self._jobs[it.name] / it.places, share(due.outlet, it.name))
            )
            after = self._memory.latest_run(due.outlet) if self._memory.knows_runs else ""
            crawl = due.crawl
            try:
                job = self._usable[node.name].schedule(
                    due.outlet, self._version, crawl.arguments, crawl.settings
                )
            except RefusedJobError as error:
                tried.add(node.name)
                self._pass.refused.append(f"{due.outlet} on {node.name}: {error}")
                continue
            except NodeError as error:
                del self._usable[node.name]
                self._pass.left_out[node.name] = str(error)
                continue
            self._jobs[node.name] += 1
            given = Given(self._moment, node.name, job, due.times + 1, after)
            self._memory.note(crawl.name, due.outlet, given)
            self._pass.given.append((due, node.name))
            return True
        if not tried:
            self._pass.waiting.append(due)
        return False

    def _free(self) -> list[Node]:
        return [
            it
            for it in self._table.nodes
            if it.name in self._usable and self._jobs[it.name] < _QUEUE * it.places
        ]


def newest_last(eggs: set[str]) -> list[str]:
    """Return versions of eggs in Scrapyd's order.

    >>> newest_last({"10", "9"})
    ['9', '10']
    >>> newest_last({"r10-main", "r9-main"})
    ['r10-main', 'r9-main']
    """
    try:
        return sorted(eggs, key=Version)
    except InvalidVersion:
        return sorted(eggs)
