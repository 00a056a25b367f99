"""Near-duplicates: the same story under another address, another id or another outlet.

Near-duplicates are marked, never dropped. The similarity of two articles is the Jaccard similarity
of their four-word sequences, estimated from MinHash signatures. Blocks that many articles of an
outlet share word for word are left out first: they frame a series and are not part of a story.

An article joins the cluster of the most similar earlier article, if that one is similar enough. A
cluster is named after its first article. A later article therefore never merges two clusters, for
example a roundup of two stories, and changes no existing cluster.

The measure is Jaccard, not containment: a story cut to 60 % still has 0.6, but a text that contains
other stories (a roundup, a live page, a newsletter) is a different text. ``python -m bench
duplicates`` prints the numbers behind the threshold.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rensa import RMinHash

from newscrawl.dataset.build import files_in
from newscrawl.dataset.card import card
from newscrawl.dataset.columns import NAME
from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.storage.parts import write_document

THRESHOLD = 0.4
"""Least similarity of one story: 57 % of both texts in common, if they are equally long."""
SHORTEST = 40
"""Texts with fewer words are never marked, for example one line under a video."""
COMMON = 10
"""Blocks that more articles of an outlet share are left out."""
SHINGLE = 4
SLOTS = 256
METHOD = (
    f"rensa {RMinHash.ALGORITHM_VERSION}, {SLOTS} slots of 8 bits, {SHINGLE} words;"
    f" threshold {THRESHOLD}, {SHORTEST} words or more, blocks of {COMMON} articles or fewer"
)
"""Signatures of another method are not comparable and are computed again."""

# 85 bands of three slots find 99.6 % of the pairs at 0.4 and 0.07 % of those at 0.02.
_BAND = 3
# Neighbours compared in a band, so that a text with a thousand copies costs no more.
_NEIGHBOURS = 8
_AT_ONCE = 1000
_PUNCTUATION = re.compile(r"[\W_]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

_FOLDER = "duplicates"
_SIGNATURES = pa.schema(
    [
        ("outlet", NAME),
        ("id", pa.string()),
        ("content_hash", pa.string()),
        ("blocks", pa.list_(pa.uint32())),
        ("signature", pa.binary(SLOTS)),
    ],
    {"method": METHOD},
)

_Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Hashes = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint8]
"""One row of ``SLOTS`` bytes a text; zeros where the text is too short."""


@dataclass(slots=True)
class Marked:
    """Numbers of near-duplicates and of their clusters, and of texts that were read."""

    articles: int
    clusters: int
    read: int | None = None
    """None if nothing was new and nothing was written."""


def mark(output: Path) -> Marked:
    """Mark the near-duplicates of the latest build, in a new build.

    Raises DatasetError, one sentence, when there is no dataset.
    """
    generations = Generations(output)
    with generations.building() as folder:
        base, manifest = generations.existing(), generations.manifest()
        assert manifest is not None
        last = manifest.get(_FOLDER, {})
        now = {
            "method": METHOD,
            "through": {outlet: it["through"] for outlet, it in manifest["outlets"].items()},
        }
        if last.items() >= now.items():
            return Marked(last["articles"], last["clusters"])
        paths = sorted((base / "articles").glob("*/*/*.parquet"))
        if not paths:
            return Marked(0, 0)
        rows = _rows(paths, ["outlet", "id", "date_published", "content_hash"])
        (folder / _FOLDER).mkdir()
        old = base / _FOLDER / "signatures.parquet"
        signed, read = _sign(paths, rows, old, folder / _FOLDER / old.name)
        marks = _marks(rows, signed)
        pq.write_table(marks, folder / _FOLDER / "duplicates.parquet", compression="zstd")
        done = Marked(len(marks), pc.count_distinct(marks["cluster"]).as_py(), read)
        manifest[_FOLDER] = {**now, "articles": done.articles, "clusters": done.clusters}
        files = manifest["files"] | files_in(folder, [folder / _FOLDER])
        manifest["files"] = dict(sorted(files.items()))
        generations.keep(manifest["files"])
        (folder / "README.md").write_text(card(manifest), "utf-8")
        write_document(folder / MANIFEST, manifest)
        generations.publish()
    return done


def signatures(texts: Sequence[str]) -> Signatures:
    """Return the signatures of texts; they are the same on every machine."""
    words = pc.utf8_split_whitespace(pa.array(texts, pa.string()))
    text = _parents(words)
    coded = words.flatten().dictionary_encode()
    hashes = np.array([_hash(it) for it in coded.dictionary.to_pylist()], np.uint64)
    word = hashes[np.asarray(coded.indices)]
    text, word = text[word != 0], word[word != 0]
    enough = np.bincount(text, minlength=len(words)) >= SHORTEST

    count = max(0, len(word) - SHINGLE + 1)
    shingle = np.zeros(count, np.uint64)
    for place in range(SHINGLE):
        shingle = shingle * _FACTOR + word[place : place + count]
    first = text[:count]
    whole = (first == text[len(text) - count :]) & enough[first]
    ends = np.bincount(first[whole], minlength=len(words)).cumsum()
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        shingle[whole], np.concatenate([[0], ends]).astype(np.uint64), SLOTS, 1
    )
    # The lowest byte of a slot is enough: similarity() corrects for chance.
    result = np.array(matrix.to_rows(), np.uint32).astype(np.uint8)
    result[~enough] = 0
    return result


def _hash(word: str) -> int:
    """Return a number for a word without case and punctuation; 0 if nothing is left."""
    letters = _PUNCTUATION.sub("", word.casefold()).encode()
    return int.from_bytes(blake2b(letters, digest_size=8).digest(), "little") if letters else 0


def similarity(one: Signatures, other: Signatures) -> npt.NDArray[np.float64]:
    """Return the estimated Jaccard similarities of texts, row by row; 0 for short ones."""
    same: npt.NDArray[np.float64] = np.equal(one, other).mean(axis=1)
    chance = 1 / 256
    return np.round((same - chance) / (1 - chance), 3).clip(0) * one.any(axis=1)


def _rows(paths: list[Path], columns: list[str]) -> pa.Table:
    tables = [pq.ParquetFile(path).read(columns=columns) for path in paths]
    return _plain(pa.concat_tables(tables))


def _plain(table: pa.Table) -> pa.Table:
    return table.set_column(0, "outlet", table["outlet"].cast(pa.string())).combine_chunks()


def _bodies(paths: list[Path], selected: _Flags) -> Iterator[tuple[_Places, list[str]]]:
    """Yield batches of selected rows with their texts."""
    done = 0
    for path in paths:
        file = pq.ParquetFile(path)
        start, done = done, done + file.metadata.num_rows
        if not selected[start:done].any():
            continue
        for batch in file.iter_batches(_AT_ONCE, columns=["body"]):
            here = np.flatnonzero(selected[start : start + len(batch)])
            if here.size:
                yield start + here, [it or "" for it in batch["body"].take(here).to_pylist()]
            start += len(batch)


def _sign(paths: list[Path], rows: pa.Table, old: Path, new: Path) -> tuple[Signatures, int]:
    """Write the signatures of all articles; return them and the number that was computed.

    A signature of the build before is valid while the text and its left-out blocks are the same.
    """
    before = _plain(_SIGNATURES.empty_table().drop_columns("signature"))
    if old.exists() and pq.read_schema(old).metadata[b"method"] == METHOD.encode():
        before = _rows([old], before.column_names)
    source = _index(_key(rows), _key(before))
    missing = source < 0
    blocks = _all_blocks(paths, missing, source, before["blocks"])
    outlets = pc.unique(rows["outlet"])
    codes = _index(rows["outlet"], outlets)
    common = _common(blocks, codes)
    was = _common(before["blocks"].combine_chunks(), _index(before["outlet"], outlets))
    del before  # as large as what comes next
    changed = np.isin(_numbered(blocks, codes), np.setxor1d(common, was))
    stale = missing.copy()
    stale[_parents(blocks)[changed]] = True

    signed = np.zeros((len(rows), SLOTS), np.uint8)
    if not stale.all():
        _take(old, source, ~stale, signed)
    frames: list[set[int]] = [set() for _ in outlets]
    for number in common.tolist():
        frames[number >> 32].add(number & 0xFFFFFFFF)
    for places, some in _bodies(paths, stale):
        pairs = zip(some, codes[places].tolist(), strict=True)
        signed[places] = signatures([_without(text, frames[code]) for text, code in pairs])

    _write(new, rows, blocks, signed)
    return signed, int(stale.sum())


def _write(path: Path, rows: pa.Table, blocks: pa.Array, signed: Signatures) -> None:
    valid = pa.array(signed.any(axis=1)).buffers()[1]
    buffers = [valid, pa.py_buffer(signed)]
    signature = pa.FixedSizeBinaryArray.from_buffers(pa.binary(SLOTS), len(rows), buffers)
    columns = [rows["outlet"].cast(NAME), rows["id"], rows["content_hash"], blocks, signature]
    pq.write_table(
        pa.table(columns, schema=_SIGNATURES),
        path,
        row_group_size=10_000,
        compression="zstd",
        use_dictionary=["outlet"],
    )


def _take(old: Path, source: _Places, kept: _Flags, signed: Signatures) -> None:
    """Copy the signatures that are kept from the build before."""
    file = pq.ParquetFile(old)
    target = np.full(file.metadata.num_rows, -1)
    target[source[kept]] = np.flatnonzero(kept)
    for batch in file.iter_batches(_AT_ONCE, columns=["signature"]):
        here, target = np.split(target, [len(batch)])
        some = pc.fill_null(batch["signature"], bytes(SLOTS)).filter(pa.array(here >= 0))
        signed[here[here >= 0]] = np.frombuffer(some.buffers()[1], np.uint8).reshape(-1, SLOTS)


def _all_blocks(
    paths: list[Path], missing: _Flags, source: _Places, before: pa.ChunkedArray
) -> pa.Array:
    """Return the checksums of the blocks of all articles, read where they are missing."""
    # A batch at a time: all of them as Python numbers would fill the memory.
    read = [pa.array(map(_blocks, some), before.type) for _, some in _bodies(paths, missing)]
    blocks = pa.concat_arrays([*before.chunks, *read])
    return blocks.take(pa.array(np.where(missing, len(before) + missing.cumsum() - 1, source)))


def _key(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["outlet"], table["id"], table["content_hash"], "/")


def _index(values: pa.ChunkedArray, among: pa.ChunkedArray) -> _Places:
    """Return the places of values among others, or -1."""
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.cast(pa.int64()))


def _blocks(text: str) -> list[int]:
    """Return the checksums of a text's blocks, each once."""
    return sorted({zlib.crc32(block.encode()) for block in text.split("\n\n")})


def _without(text: str, frame: set[int]) -> str:
    blocks = (it for it in text.split("\n\n") if zlib.crc32(it.encode()) not in frame)
    return "\n\n".join(blocks) if frame else text


def _parents(blocks: pa.Array) -> _Places:
    return np.asarray(pc.list_parent_indices(blocks))


def _numbered(blocks: pa.Array, codes: _Places) -> _Hashes:
    """Return all blocks as numbers that are distinct for each outlet."""
    numbers: _Hashes = (codes.astype(np.uint64) << np.uint64(32))[_parents(blocks)]
    numbers |= np.asarray(blocks.flatten())
    return numbers


def _common(blocks: pa.Array, codes: _Places) -> _Hashes:
    """Return the blocks that too many articles of an outlet have."""
    numbers = _numbered(blocks, codes)
    numbers.sort()
    # Sorted, a block of more than COMMON articles occurs again COMMON places later.
    return np.unique(numbers[COMMON:][numbers[COMMON:] == numbers[:-COMMON]])


def _pairs(signed: Signatures, places: _Places) -> Iterator[tuple[_Places, _Places]]:
    """Yield pairs of possibly similar texts, by their index in ``places``.

    The earlier text comes first; a pair may come more than once.
    """
    for first in range(0, SLOTS - _BAND + 1, _BAND):
        slots = signed[places, first : first + _BAND].astype(np.uint32)
        band = slots[:, 0] << 16 | slots[:, 1] << 8 | slots[:, 2]
        order = np.argsort(band, kind="stable")
        band = band[order]
        for step in range(1, _NEIGHBOURS + 1):
            same = np.flatnonzero(band[step:] == band[:-step])
            for start in range(0, len(same), 10_000):
                some = same[start : start + 10_000]
                yield order[some], order[some + step]


def _marks(rows: pa.Table, signed: Signatures) -> pa.Table:
    """Return the articles that are in a cluster."""
    order = [(name, "ascending") for name in ("date_published", "outlet", "id")]
    places = np.asarray(pc.sort_indices(rows, sort_keys=order)).astype(np.int64)
    places = places[np.any(signed, axis=1)[places]]
    cluster, value = np.arange(len(places)), np.ones(len(places))
    for earlier, later in _pairs(signed, places):
        alike = similarity(signed[places[earlier]], signed[places[later]])
        # A text occurs once in a step, so no place is written twice here.
        alone = cluster[later] == later
        better = np.where(alone, alike >= THRESHOLD, alike > value[later])
        better |= (alike == value[later]) & (earlier < cluster[later])
        cluster[later[better]], value[later[better]] = earlier[better], alike[better]
    # Each leads to an earlier one; follow them to the first.
    while (cluster[cluster] != cluster).any():
        cluster = cluster[cluster]

    several = np.bincount(cluster, minlength=len(places))[cluster] > 1
    table = rows.take(pa.array(places[several]))
    first = rows.take(pa.array(places[cluster[several]]))
    table = table.append_column(
        "cluster", pc.binary_join_element_wise(first["outlet"], first["id"], "/")
    ).append_column("similarity", pa.array(value[several], pa.float32()))
    table = table.sort_by([("cluster", "ascending"), *order])
    return table.set_column(0, "outlet", table["outlet"].cast(NAME)).select(
        ["outlet", "id", "cluster", "similarity"]
    )
