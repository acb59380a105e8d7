"""An installed application as a workload: its program runs with a deck of ours in a separate
process, and an adapter reads the output.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from energybench.adapters.adapter_file import read
from energybench.adapters.excerpt import of_file
from energybench.adapters.outcome import Outcome, outcome
from energybench.adapters.problem import Inputs, of_contents
from energybench.adapters.record import Figures
from energybench.errors import BadInput, NotHere
from energybench.model import Verification, Work, WorkRecord
from energybench.model.adapter import RunRule
from energybench.plugins import RegionFactory
from energybench_workloads.applications import deck
from energybench_workloads.common import cpus
from energybench_workloads.settings import Settings, check_size

_OWN_SETTINGS = ("threads", "program", "launcher", "keep")


class Application:
    """A program with an adapter whose [run] states a deck."""

    def __init__(self, adapter_file: Path) -> None:
        self.adapter_file = adapter_file
        self._loaded = read(adapter_file)
        self._adapter = self._loaded.adapter
        self.name, self.about = self._adapter.name, self._adapter.about
        self._rule = _run_rule(self._adapter.run, adapter_file)
        self.sizes = tuple(self._rule.sizes)
        self._settings: dict[str, deck.Scalar] = {}
        self._folders: deck.RunFolders | None = None
        self._command: tuple[str, ...] = ()
        self._environment: dict[str, str] = {}
        self._inputs = Inputs()
        self._figures = Figures(self._loaded)
        self._told: Outcome | None = None

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        # settings
        check_size(self.name, size, self.sizes)
        if device != "cpu":
            raise BadInput(
                f"--device {device}",
                f"the deck of {self.name} runs on the CPU",
                f"--device cpu, or your own build: energybench measure --adapter {self.name} -- …",
            )
        parameters = self._rule.sizes[size]
        given = Settings(settings, (*parameters, *_OWN_SETTINGS))
        threads = given.threads() or len(cpus())
        values: dict[str, deck.Scalar] = {
            key: _typed(key, settings.get(key), default) for key, default in parameters.items()
        }
        for name, text in self._rule.derived.items():
            values[name] = self._derived(text, values)
        self._settings = {**values, "threads": threads}
        self._settings |= {key: settings.get(key, "") for key in _OWN_SETTINGS[1:]}

        # the program and its commands
        program = self._program(settings.get("program", ""))
        placed = {**values, "threads": threads}
        self._environment = {
            key: deck.words((word,), placed)[0] for key, word in self._rule.environment.items()
        }
        launcher = shlex.split(settings.get("launcher", ""))
        plain = deck.words(self._rule.command, placed)
        self._command = (*launcher, program, *plain[1:])

        # the deck
        contents = deck.rendered(self._loaded.folder / self._rule.deck, values)
        self._inputs = of_contents(self._adapter, contents, plain)
        self.close()
        self._folders = deck.RunFolders(contents, settings.get("keep", ""))
        with region("prepare"):
            for words in self._rule.prepare:
                prepared = deck.words(words, placed)
                command = (program, *prepared[1:])
                deck.execute(command, self._folders.base, self._environment)

    def settings(self) -> Mapping[str, deck.Scalar]:
        return self._settings

    def run(self, region: RegionFactory) -> Work:
        """Run the program once, from its start to its end."""
        del region
        if self._folders is None:
            raise RuntimeError("not set up")
        folder = self._folders.next()
        deck.execute(self._command, folder, self._environment)
        place = self._adapter.output
        name = place.file or (deck.STDERR if place.stream == "stderr" else deck.STDOUT)
        self._told = outcome(self._loaded, of_file(folder / name), self._inputs)
        if self._told.work is None:
            raise RuntimeError("; ".join(doubt.message for doubt in self._told.doubts))
        return self._told.work

    def verify(self) -> Sequence[Verification]:
        return self._told.checks if self._told is not None else ()

    def record(self) -> WorkRecord:
        if self._told is None:
            return WorkRecord()
        return self._figures.with_repeat(self._told)

    def close(self) -> None:
        if self._folders is not None:
            self._folders.close()
        self._folders = None

    def _derived(self, text: str, values: Mapping[str, deck.Scalar]) -> int:
        """A parameter by its formula. Raises BadInput."""
        formula = self._loaded.formulas[text]
        numbers = {name: float(str(values[name])) for name in formula.names}
        return round(formula.value(numbers, f"{self.name}: run.derived"))

    def _program(self, stated: str) -> str:
        """The program, as a path. Raises NotHere if it is not installed."""
        name = stated or self._rule.command[0]
        # an inactive environment has its programs beside its Python
        path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
        if path is None:
            where = f"--set program={stated}" if stated else self.name
            raise NotHere(where, f"the program {name} is not installed", self._rule.missing)
        return str(Path(path).absolute())


def _run_rule(rule: RunRule | None, file: Path) -> RunRule:
    if rule is None:
        raise BadInput(f"{file}: run", "is missing", "[run] states the deck and the command")
    return rule


def _typed(key: str, text: str | None, default: str | int | float) -> str | int | float:
    """A parameter of the deck in the type of its default. Raises BadInput."""
    if text is None:
        return default
    try:
        value = type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise BadInput(f"--set {key}={text}", "not allowed", f"allowed: {kind}") from None
    if not isinstance(value, str) and not 0 < value < 1e12:
        raise BadInput(f"--set {key}={text}", "not allowed", "allowed: more than 0")
    return value
