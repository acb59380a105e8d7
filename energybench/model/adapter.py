"""An adapter: how to read the work, the figure of merit, the check, and the identity of the problem
from the output of an application. Adapters are TOML files (docs/workloads/applications.md).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from energybench.model.base import NonNegative, Noun, PrecisionPolicy

Take = Literal["first", "last", "sum", "largest", "count"]
Stream = Literal["stdout", "stderr"]


class OutputPlace(Noun, frozen=True, kw_only=True):
    """The place of the output.

    stream        stream of the program; not read if `file` is stated
    file          file in the working directory
    file_options  option of the program → file name for the option's word, with {} for the word
                  ("-deffnm" → "{}.log"); the first option on the command line wins
    appends       whether the program adds to an existing file
    """

    stream: Stream = "stdout"
    file: str = ""
    file_options: dict[str, str] = {}
    appends: bool = False


class ValuePattern(Noun, frozen=True, kw_only=True):
    """A regular expression in the syntax of RE2. Each named group is a value.

    product   name of a further value: the product of all groups of a match, which are numbers. Its
              sum is the work of a program that states sizes and steps of several stages.
    take      the value if the pattern matches several times; count: the number of matches
    required  whether an output without a match is a failed check
    """

    pattern: str
    product: str = ""
    take: Take = "last"
    required: bool = True


class WorkRule(Noun, frozen=True, kw_only=True):
    """The work of one run. `amount` and `flops` are formulas of the values."""

    amount: str
    unit: str
    precision: PrecisionPolicy = "equal-precision"
    flops: str = ""
    arithmetic: str = ""


class FigureRule(Noun, frozen=True, kw_only=True):
    """The figure of merit stated by the program; `value` is a formula of the values."""

    value: str
    unit: str


class CheckRule(Noun, frozen=True, kw_only=True):
    """A check of the result: |value - target| <= tolerance, or the text of a value.

    value   formula of the values; with `equals`, the name of a value
    equals  required text of the value
    """

    quantity: str
    value: str
    target: float = 0.0
    tolerance: NonNegative = 0.0
    equals: str = ""


class ProblemRule(Noun, frozen=True, kw_only=True):
    """The identity of the problem: two runs with equal identities solve the same problem.

    values        values of the output that belong to the problem
    file_options  option of the program → name of the input file, as in `OutputPlace`
    files         input files in the working directory, if no such option was given
    stdin         whether a file on standard input is the input if no such option was given
    word_options  option of the program → number of following words that belong to the problem
    """

    values: tuple[str, ...] = ()
    file_options: dict[str, str] = {}
    files: tuple[str, ...] = ()
    stdin: bool = False
    word_options: dict[str, Annotated[int, msgspec.Meta(ge=1, le=9)]] = {}


class RunRule(Noun, frozen=True, kw_only=True):
    """How `energybench run` runs the application with an input deck of its own.

    deck         folder with the input files, beside the adapter; @name@ in a file is a parameter
    command      the measured program and its words; {name} is a parameter, {threads} the threads
    prepare      commands before the measurement
    environment  variables of all commands
    missing      remedy if the program is not installed
    sizes        size → parameters of the deck
    derived      further parameters, whole numbers, by formulas of the other parameters
    """

    deck: str
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    prepare: tuple[Annotated[tuple[str, ...], msgspec.Meta(min_length=1)], ...] = ()
    environment: dict[str, str] = {}
    missing: str
    sizes: Annotated[dict[str, dict[str, int | float | str]], msgspec.Meta(min_length=1)]
    derived: dict[str, str] = {}


class Adapter(Noun, frozen=True, kw_only=True):
    """An application seen through its output.

    programs  names of the program ("lmp", "lmp_*"): options are searched behind the name
    run       None: the adapter only reads the output of commands run by a person
    """

    schema: Literal["energybench-adapter/1"]
    name: str
    about: str
    programs: tuple[str, ...] = ()
    output: OutputPlace = OutputPlace()
    values: Annotated[tuple[ValuePattern, ...], msgspec.Meta(min_length=1, max_length=50)]
    work: WorkRule
    figure_of_merit: FigureRule | None = None
    checks: tuple[CheckRule, ...] = ()
    problem: ProblemRule
    run: RunRule | None = None
