"""Table of contents of the command line."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Sequence
from typing import Any

import typer

from energybench import __version__
from energybench.cli import (
    ab,
    adapter,
    attach,
    bundle,
    calibrate,
    campaign,
    ci,
    collect,
    compare,
    doctor,
    explain,
    grade,
    later_fields,
    listing,
    measure,
    node_reader,
    project,
    quickstart,
    rank,
    recover,
    report,
    run,
    simulate,
    slurm,
    statement,
    streams,
    study,
    verify,
    view,
)
from energybench.cli.grouped_help import GroupedHelp
from energybench.cli.named_command import command_line
from energybench.errors import BadInput, StorageFailed, brief
from energybench.foreign_text import visible
from energybench.model.base import NotFinite

app = typer.Typer(
    name="energybench",
    cls=GroupedHelp,
    help="How much energy the same work costs on two nodes, how sure that is, and what it means "
    "per month in MWh, money and carbon.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)  # of a store
# Objects between two collections of the youngest garbage. Python's default (700 in Python 3.11)
# searches the objects of the libraries some hundred times while they are imported: a twentieth of
# the CPU time of `measure` with a short program.
_GARBAGE_THRESHOLD = 50_000
_MOST = 1200  # characters of an error line
OWN_FAILURE = 125  # of energybench itself, as in `measure` (docs/store.md)
MEASURE, COMPARE, PROJECT = "Measure", "Compare", "Project"
NARROW, LOOK = "Make the interval narrower", "Look at results"

app.command("doctor", rich_help_panel=MEASURE)(doctor.doctor)
app.command("list", rich_help_panel=MEASURE)(listing.listing)
app.command("quickstart", rich_help_panel=MEASURE)(quickstart.quickstart)
app.command(
    "measure", rich_help_panel=MEASURE, context_settings={"allow_interspersed_args": False}
)(measure.measure)
app.add_typer(adapter.app, name="adapter", rich_help_panel=MEASURE)
app.command("rank", rich_help_panel=MEASURE, context_settings={"allow_interspersed_args": False})(
    rank.rank
)
app.command("run", rich_help_panel=MEASURE)(run.run)
app.command("study", rich_help_panel=MEASURE)(study.study)
app.add_typer(campaign.app, name="campaign", rich_help_panel=MEASURE)
app.command("compare", rich_help_panel=COMPARE)(compare.compare)
app.command("ab", rich_help_panel=COMPARE, context_settings={"allow_interspersed_args": False})(
    ab.ab
)
app.add_typer(ci.app, name="ci", rich_help_panel=COMPARE)
app.command("grade", rich_help_panel=COMPARE)(grade.grade)
app.command("project", rich_help_panel=PROJECT)(project.project)
app.command("calibrate", rich_help_panel=NARROW)(calibrate.calibrate)
app.command("attach", rich_help_panel=NARROW)(attach.attach)
app.command("simulate", rich_help_panel=NARROW)(simulate.simulate)
app.add_typer(slurm.app, name="slurm", rich_help_panel=LOOK)
app.command("report", rich_help_panel=LOOK)(report.report)
app.command("statement", rich_help_panel=LOOK)(statement.statement)
app.command("view", rich_help_panel=LOOK)(view.view)
app.command("bundle", rich_help_panel=LOOK)(bundle.bundle)
app.command("verify", rich_help_panel=LOOK)(verify.verify)
app.command("ci-summary", rich_help_panel=LOOK)(ci.ci_summary)
app.command("collect", rich_help_panel=LOOK)(collect.collect)
app.command("node-reader", hidden=True)(node_reader.node_reader)
app.command("explain", rich_help_panel=LOOK)(explain.explain)
app.command("recover", rich_help_panel=LOOK)(recover.recover)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"energybench {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    del version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. A person's mistake is one line on stderr and code 2."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    code = 0
    try:
        with streams.guarded():
            code = _run(words)
    except OSError as error:
        # the output on stdout was lost; a program's own code says more than this one
        return code or _fail(f"{error.filename}: {error.strerror}", OWN_FAILURE)
    return code


def _run(words: list[str]) -> int:
    try:
        with later_fields.announced():
            command = command_line(app, words[0])
            code = command(args=words, prog_name="energybench", standalone_mode=False)
    except BadInput as error:
        return _fail(str(error), 2)
    except StorageFailed as error:
        return _fail(str(error), OWN_FAILURE)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except MemoryError:
        return _fail("there is not enough memory", OWN_FAILURE)
    except (ArithmeticError, NotFinite) as error:
        # of files whose numbers are valid one by one
        return _fail(f"the numbers in the input are too extreme to be computed with: {error}", 2)
    except UnicodeEncodeError as error:
        # a lone surrogate, which no argument of a shell has, but one of a caller in Python may have
        return _fail(f"an argument cannot be a name: {brief(ascii(error.object), 240)}", 2)
    except OSError as error:
        if error.errno == errno.EMFILE:
            return _fail("there are too few file descriptors (ulimit -n 64, or more)", OWN_FAILURE)
        name = error.filename if isinstance(error.filename, str) else "system"
        code = OWN_FAILURE if error.errno in _NO_SPACE else 2
        return _fail(f"{brief(name, 240)}: {error.strerror or error}", code)
    except Exception as error:
        text = _usage_error(error)
        if text is None:
            raise
        return _fail(text, 2)
    return code if isinstance(code, int) else 0


def _usage_error(error: Any) -> str | None:
    """A usage error of the command-line library as a line; None: a different error."""
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "energybench"
    text = " ".join(str(error.format_message()).split()) or "missing command"
    return f"{text} (see {command} --help)"


def _fail(text: str, code: int) -> int:
    print(f"energybench: {brief(visible(text), _MOST)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
