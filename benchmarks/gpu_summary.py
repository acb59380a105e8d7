"""The summary of a GPU check, as Markdown: steps, figures and goals.

    python benchmarks/gpu_summary.py FOLDER                 the summary
    python benchmarks/gpu_summary.py FOLDER --fact NAME     one fact of facts.json
    python benchmarks/gpu_summary.py FOLDER --run STEP      the run directory of a step

Reads what benchmarks/gpu_check.sh has written so far; gpu/step_rows.py has the figures and goals.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "gpu"))

from check_folder import Check
from step_rows import rows

MET = {True: "yes", False: "**no**", None: "undecided"}


def table(*lines: tuple[str, ...]) -> Iterator[str]:
    for number, row in enumerate(lines):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        if number == 0:
            yield "|---" * len(row) + "|"


def machine(facts: dict[str, Any]) -> str:
    """The provenance in the words of reports/reference/README.md."""
    driver = (facts.get("nvidia_smi") or {}).get("driver_version")
    board = f"{facts['gpus']} x {facts['gpu']} (driver {driver})" if "gpu" in facts else "no GPU"
    memory = (
        f"{facts['memory_bytes'] / 2**30:.0f} GiB" if facts["memory_bytes"] else "unknown memory"
    )
    virtual = f"virtual machine ({facts['virtual']})" if facts["virtual"] else "not virtual"
    source = f"revision {facts['revision'] or 'unknown'}"
    if facts.get("changed"):
        source += " with changes"
    return (
        f"Machine: {board}, {facts['threads']} threads of {facts['cpu']}, {memory}, {virtual}, "
        f"{facts['os']}, Linux {facts['kernel']}; torch {facts['torch']}, Python "
        f"{facts['python']}. {facts['made_utc']}. energybench at {source}, sources with SHA-256 "
        f"{facts['sources_sha256']}. `facts.json` has the rest."
    )


def page(check: Check) -> Iterator[str]:
    yield "# Check on a GPU" if check.facts.get("device") == "cuda" else "# Check without a GPU"
    yield ""
    yield machine(check.facts) if check.facts else "The machine has not been described yet."
    steps = check.steps()
    undone = [name for name, _, outcome, _ in steps if not outcome.startswith("done")]
    yield ""
    yield f"Not done: {', '.join(undone)}." if undone else "Every step so far was done."
    yield ""
    goals = [("step", "figure", "goal", "met")]
    for name, _, _, _ in steps:
        goals += [
            (name, row.figure, row.goal or "–", MET[row.met] if row.goal else "–")
            for row in rows(check, name)
        ]
    yield from table(
        ("step", "s", "outcome", "command"), *((n, s, o, f"`{c}`") for n, s, o, c in steps)
    )
    yield ""
    yield from table(*goals)
    yield ""
    yield "Runs are in `runs/`; `STEP.json` has the output of a step, `logs/STEP.txt` its messages."


def main() -> None:
    check = Check(Path(sys.argv[1]))
    if sys.argv[2:3] == ["--fact"]:
        print(check.facts.get(sys.argv[3]) or "unknown")
    elif sys.argv[2:3] == ["--run"]:
        print(check.run(sys.argv[3]))
    else:
        print("\n".join(page(check)))


if __name__ == "__main__":
    main()
