"""A page as one file: the same frame, style and scripts, with the records in it; it asks nothing of any server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

from annex_actors.page.assets import SCRIPTS, asset
from annex_actors.page.feed import Record, encoded

_STYLE = '<link rel="stylesheet" href="/assets/{}">'
_SCRIPTS = "<!-- scripts -->"
_HEAD = '<meta charset="utf-8">'

_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""What could end the element that the records are in, or begin another, escaped as JSON does."""


def live_page() -> str:
    """Return the page that a server sends: it loads its scripts, and then the records as they come."""
    return live("page.html", SCRIPTS)


def live(frame: str, names: Iterable[str]) -> str:
    """Return a page as a server sends it: the frame with links to its scripts."""
    scripts = "\n".join(f'<script src="/assets/{name}"></script>' for name in names)
    style = _STYLE.format("page.css")
    icon = '<link rel="icon" href="/assets/icon.svg">'
    return text_of(frame).replace(_SCRIPTS, scripts).replace(style, f"{icon}\n{style}")


def saved_page(records: Iterable[Record]) -> str:
    """Return the page of a run as one HTML file, which works offline and wherever it is sent."""
    return filled("page.html", ("page.css",), SCRIPTS, "records", records)


def filled(frame: str, styles: Sequence[str], names: Iterable[str], id: str, records: Iterable[Record]) -> str:
    """Return a page as one file: the frame, with its styles, its scripts and its records in it.

    Its policy permits its own style and scripts by their hashes, and nothing else: it can load nothing, and a text of
    the run that came to be HTML could not run.

    Args:
        frame: the file of the frame.
        styles: those that it links to, in its order.
        names: the scripts, in their order.
        id: of the element with the records, as JSON.
        records: the records.
    """
    style, script = "\n".join(map(text_of, styles)), "\n".join(map(text_of, names))
    data = ",\n".join(encoded(record) for record in records).translate(_IN_HTML)
    parts = {
        _HEAD: f'{_HEAD}\n<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">',
        "\n".join(map(_STYLE.format, styles)): f"<style>{style}</style>",
        _SCRIPTS: f'<script type="application/json" id="{id}">[{data}]</script>\n<script>{script}</script>',
    }
    page = text_of(frame)
    for place, part in parts.items():
        before, found, after = page.partition(place)
        assert found
        page = before + part + after
    return page


def policy(style: str, script: str = "") -> str:
    """Return the policy of a page in one file, which permits its own style and script, and nothing else."""
    return f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"


def text_of(name: str) -> str:
    """Return a file of the page."""
    found = asset(name)
    assert found is not None
    return found


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
