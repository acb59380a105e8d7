"""Table of contents of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from energybench import __version__
from energybench.cli import (
    attach,
    calibrate,
    compare,
    doctor,
    explain,
    grade,
    later_fields,
    listing,
    measure,
    project,
    quickstart,
    recover,
    report,
    run,
    simulate,
)
from energybench.errors import BadInput

app = typer.Typer(
    name="energybench",
    help="How much energy the same work costs on two nodes, how sure that is, and what it means per "
    "month in MWh, money and carbon.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("doctor")(doctor.doctor)
app.command("calibrate")(calibrate.calibrate)
app.command("list")(listing.listing)
app.command("run")(run.run)
app.command("measure", context_settings={"allow_interspersed_args": False})(measure.measure)
app.command("attach")(attach.attach)
app.command("compare")(compare.compare)
app.command("grade")(grade.grade)
app.command("project")(project.project)
app.command("report")(report.report)
app.command("explain")(explain.explain)
app.command("recover")(recover.recover)
app.command("quickstart")(quickstart.quickstart)
app.command("simulate")(simulate.simulate)


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
    """Run the command line; the exit code. A person's mistake is one line on stderr and 2."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with later_fields.announced():
            code = app(args=given, prog_name="energybench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BadInput as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # so that Python's own flush at exit stays quiet
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except OSError as error:
        return _fail(f"{error.filename or 'system'}: {error.strerror or error}", 2)
    except Exception as error:
        said = getattr(error, "format_message", None)  # a usage error of the command-line library
        if said is None:
            raise
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "energybench"
        text = " ".join(str(said()).split()) or "missing command"
        return _fail(f"{text} (see {where} --help)", 2)


def _fail(text: str, code: int) -> int:
    print(f"energybench: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
