"""JSON as sites send it: PHP may write a notice before it, and a cache a comment behind it."""

import json
import re
from typing import Any

# The first line or element of text that may be JSON: it does not begin a shortcode or a word.
_BEGINNING = re.compile(r'(?:\A|^|>)\s*(?=[\[{]\s*["\[{}\]])', re.M)


def read_json(body: bytes) -> Any:
    r"""Return the value of JSON that may have text around it. Raises ValueError.

    JSON that is cut is an error, also if a part of it is whole.

    >>> read_json(b"<br />\n<b>Notice</b>: key [x]<br />\n[1][0]") is None
    Traceback (most recent call last):
    ...
    ValueError: no JSON
    >>> read_json(b'<br />\n<b>Notice</b>: key [x]<br />\n[{"id": 1}]\n<!-- cached -->')
    [{'id': 1}]
    """
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except ValueError:
        text = body.decode(json.detect_encoding(body))
    found = _BEGINNING.search(text)
    if not found:
        raise ValueError("no JSON")
    try:
        value, end = json.JSONDecoder().raw_decode(text, found.end())
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if _BEGINNING.search(text, end):
        raise ValueError("more than one value")
    return value
