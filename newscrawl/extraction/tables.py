"""Tables: tell a table of data from one that lays a page out."""

from itertools import islice

from lxml import etree
from lxml.etree import _Element

from newscrawl.extraction.markup import BLOCKS, PICTURES


def is_data_table(table: _Element) -> bool:
    """Return whether a table holds data: it has header cells, WordPress' class, or is a grid."""
    if table.find(".//table") is not None or table.get("role") in ("presentation", "none"):
        return False
    around = (table, *islice(table.iterancestors(), 1))
    if any("wp-block-table" in it.get("class", "") for it in around):
        return True
    return table.find(".//th") is not None or _is_grid(table)


def _is_grid(table: _Element) -> bool:
    """Return whether all rows have the same number of cells, and the cells hold only text.

    The tables that lay out e-mail are inside other tables, or hold pictures and blocks.
    """
    if next(table.iterancestors("table"), None) is not None:
        return False
    rows = list(table.iter("tr"))
    sizes = {sum(1 for _ in row.iterchildren("td")) for row in rows}
    if len(rows) < 2 or len(sizes) != 1 or max(sizes) < 2:
        return False
    return all(
        it.tag == "td" or not (it.tag in BLOCKS or it.tag in PICTURES)
        for row in rows
        for cell in row
        for it in cell.iter(etree.Element)
    )
