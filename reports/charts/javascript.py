"""The JavaScript library of the charts, which ships with the package: Vega, Vega-Lite and
Vega-Embed, as vl-convert puts them together.

It ships because putting it together takes vl-convert two seconds of processor time, more than the
rest of a page of a day, and because pages then do not depend on the installed vl-convert. It stays
compressed in the page: it would be more than half of most pages.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).parent / "vega" / "vega.js.gz"
# The version inside. To renew it: pytest tests/reports/charts/test_javascript.py --update-golden
VEGA_LITE = "6.4"


def versions() -> tuple[str, ...]:
    """Names and versions of the libraries that a page with charts depends on."""
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    return f"altair {version('altair')}", f"Vega-Lite {VEGA_LITE} ({digest[:12]})"


def code() -> str:
    """The program, which sets `window.vegaEmbed`."""
    return gzip.decompress(FILE.read_bytes()).decode("utf-8")


def packed() -> str:
    """The program as gzip in base64."""
    return base64.b64encode(FILE.read_bytes()).decode("ascii")
