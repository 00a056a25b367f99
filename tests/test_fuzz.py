"""The fuzzer's short form: mutated inputs give records, requests or reasons that are counted."""

import pytest

from bench import fuzz

# Numbers of inputs that broke something once.
ONCE = (
    *(16, 73, 182, 345, 901, 1010, 1172, 1531, 2149, 4293, 9257, 12_326, 12_805),
    *(28_099, 31_569, 33_634, 83_277),
)


def test_mutated_inputs_give_records_requests_or_counted_reasons() -> None:
    outcome = fuzz.check(fuzz.SEED, [*range(300), *ONCE])
    # How long one takes is the benchmark's to say: here other tests run beside it.
    assert [it for it in outcome.failures if not it[2].endswith("seconds\n")] == []
    reached = {reason.partition(": ")[2] for reason in outcome.reasons}
    assert {"record", "request", "broken feed", "broken sitemap", "broken JSON"} <= reached


def test_the_fuzzer_tells_what_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("made up")

    share, seeds, _, mutations = fuzz.TARGETS["feed"]
    monkeypatch.setitem(fuzz.TARGETS, "feed", (share, seeds, broken, mutations))  # type: ignore[arg-type]
    outcome = fuzz.check(7, range(20))
    assert {kind for kind, _, _ in outcome.failures} == {"feed"}
    assert "KeyError: 'made up'" in outcome.failures[0][2]
