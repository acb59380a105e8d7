"""Time, pages and size of a statement of one to six applications.

    python benchmarks/statement.py [--applications 6]

Prints wall and processor time of the rendering, without the start of Python.
"""

from __future__ import annotations

import argparse
import sys
import time
from io import BytesIO
from pathlib import Path

import msgspec
import pypdf

sys.path.insert(0, str(Path(__file__).parents[1]))

from energybench.model import Publication
from energybench_reports.pdf import Pdf
from tests.reports.sample_many import applications

PUBLICATION = Publication(publisher="Example Computing Centre", tested="2026-03-02")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--applications", type=int, default=6, help="the largest number of them")
    most = parser.parse_args().applications
    print("applications  wall s  processor s  pages  kB")
    for count in range(1, most + 1):
        document = msgspec.structs.replace(applications(count), publication=PUBLICATION)
        wall, processor = time.perf_counter(), time.process_time()
        content = Pdf().statement(document, draft=False)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        pages = len(pypdf.PdfReader(BytesIO(content)).pages)
        print(f"{count:12d}  {wall:6.2f}  {processor:11.2f}  {pages:5d}  {len(content) / 1e3:.0f}")


if __name__ == "__main__":
    main()
