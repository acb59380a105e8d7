"""`%%energy` in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/notebook/energy.ipynb"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An IPython shell with the extension, in an empty folder."""
    shells = pytest.importorskip("IPython.core.interactiveshell")
    monkeypatch.chdir(tmp_path)
    shell = shells.InteractiveShell()
    shell.run_line_magic("load_ext", "energybench")
    return shell


def test_a_cell_shows_its_energy(shell: Any) -> None:
    """The result of the magic is a table with energy, time and doubts; names of the cell stay."""
    result = shell.run_cell_magic("energy", "my <cell>", "y = sum(range(10**6))\n")
    assert shell.user_ns["y"] == sum(range(10**6))
    table = result._repr_html_()
    assert "my &lt;cell&gt;" in table
    assert re.search(r"<th[^>]*>time</th>", table)
    assert result.measurement.label == "my <cell>"


def test_a_line_is_measured(shell: Any) -> None:
    """The line is the label."""
    result = shell.run_line_magic("energy", "z = 3")
    assert shell.user_ns["z"] == 3
    assert result.measurement.label == "z = 3"


def test_a_cell_that_raises_has_its_own_error_and_no_result(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is shown once, and ends the run of all cells as it does without the magic."""
    for cell in ("%%energy bad\n1 / 0\n", "%energy 1 / 0"):
        outcome = shell.run_cell(cell)
        assert not outcome.success
        assert isinstance(outcome.error_in_exec, ZeroDivisionError)
        assert capsys.readouterr().out.count("division by zero") == 1


@pytest.mark.parametrize(
    "cell",
    ["%%energy worse\n1 +\n", "%energy 1 +", "%%energy\nif 1:\npass\n", "%%energy\nexec('1 +')\n"],
)
def test_a_syntax_error_is_shown_once(
    shell: Any, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    """As it is without the magic: of the cell, of a line, and of code that the cell runs."""
    outcome = shell.run_cell(cell)
    assert not outcome.success
    shown = capsys.readouterr()
    assert len(re.findall(r"(Syntax|Indentation)Error", shown.out + shown.err)) == 1
    assert shell.run_cell("%%energy good\n1 + 1\n").success


def test_an_option_is_refused_before_the_cell_runs(
    shell: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%%energy --x` is one line that names the words; a line that begins with "-" is Python."""
    shell.run_cell("%%energy --repeats 8\ny = 1\n")
    shown = capsys.readouterr()
    message = "UsageError: %%energy takes a label and no options: '--repeats 8'"
    assert (shown.out + shown.err).strip().split("\n") == [message]
    assert "y" not in shell.user_ns
    assert not (tmp_path / "results").exists()
    assert shell.run_line_magic("energy", "-3").measurement.label == "-3"


def test_errors_that_are_shown_in_other_ways_are_shown_once(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A group of errors, a magic that does not exist, and an error that the cell itself shows."""
    cells = {
        "%%energy\nraise ExceptionGroup('several', [ValueError('one')])\n": "| ValueError: one",
        "%%energy\n%nosuchmagic\n": "nosuchmagic",
        "%%energy\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    get_ipython().showtraceback()\n": "division by zero",
    }
    for cell, words in cells.items():
        shell.run_cell(cell)
        shown = capsys.readouterr()
        assert (shown.out + shown.err).count(words) == 1, cell
    assert not {"_showtraceback", "show_usage_error"} & set(vars(shell))


class Kernel:
    """A kernel of Jupyter, which runs its cells inside an event loop."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def messages(self, code: str) -> list[dict[str, Any]]:
        """Messages to the notebook while a cell runs."""
        messages: list[dict[str, Any]] = []
        self._client.execute_interactive(code, output_hook=messages.append, timeout=300)
        return messages

    def errors(self, code: str) -> list[dict[str, Any]]:
        """Content of the error messages."""
        return [
            message["content"]
            for message in self.messages(code)
            if message["header"]["msg_type"] == "error"
        ]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    running, client = manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        kernel = Kernel(client)
        assert not kernel.errors("%load_ext energybench")
        yield kernel
    finally:
        client.stop_channels()
        running.shutdown_kernel(now=True)


def test_a_kernel_is_sent_one_error_with_its_traceback(kernel: Kernel) -> None:
    """The cell's own error, as the cell alone sends it."""
    (alone,) = kernel.errors("1 / 0")
    (measured,) = kernel.errors("%%energy bad\n1 / 0\n")
    assert (measured["ename"], measured["evalue"]) == (alone["ename"], alone["evalue"])
    text = "\n".join(measured["traceback"])
    assert "ZeroDivisionError" in text
    assert "notebook.py" not in text
    (syntax,) = kernel.errors("%%energy worse\n1 +\n")
    assert "SyntaxError" in "\n".join(syntax["traceback"])


def test_await_outside_of_a_function_is_refused_in_a_kernel(kernel: Kernel) -> None:
    """In one line that names the way; the cell does not run, and `async with` in it does."""
    shown = kernel.messages("%%energy\nimport asyncio\nran = 1\nawait asyncio.sleep(0)\n")
    text = "".join(message["content"].get("text", "") for message in shown)
    assert "async with energybench.measure" in text
    (error,) = kernel.errors("ran")
    assert error["ename"] == "NameError"
    cell = """
import asyncio, energybench
async with energybench.measure("cell") as cell:
    await asyncio.sleep(0.1)
assert cell.result().measurement is not None
"""
    assert not kernel.errors(cell)
    assert not kernel.errors("%%energy\nasync def later():\n    await asyncio.sleep(0)\n")


def test_the_example_notebook_runs(tmp_path: Path) -> None:
    """Every cell of the example runs, and the measured cells show tables."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=800, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [
        output["data"]["text/html"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert len(shown) == 4
    assert "sum of squares" in shown[0]
