"""A ReFrame test that records energy and time of a program, with the ends of its 95 % interval.

    reframe -c energy_check.py -r --performance-report
    reframe -c energy_check.py -r -S program='./solver input.xml' -S repeats=8

energybench runs once, where the job's script runs, and starts the program with the launcher of the
partition: every node of the job is read once. A reference with a tolerance makes the test fail on
a change of energy; compare the intervals before you call it one.
"""

import json
import shlex
from typing import Any

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.backends import getlauncher
from reframe.core.builtins import (
    performance_function,
    run_before,
    sanity_function,
    variable,
)


@rfm.simple_test
class EnergyOfProgram(rfm.RunOnlyRegressionTest):
    descr = "Energy of a program, with the ends of its interval"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    program = variable(str, value="sleep 1")
    repeats = variable(int, value=4)
    executable = "energybench"

    @run_before("run")
    def measure_the_launcher_too(self) -> None:
        launcher = shlex.split(self.job.launcher.run_command(self.job))
        self.job.launcher = getlauncher("local")()
        nodes = ["--nodes", "job"] if launcher else []
        words = ["measure", *nodes, "--json", "--repeats", str(self.repeats), "--"]
        words += [*launcher, *shlex.split(self.program)]
        self.executable_opts = [shlex.quote(word) for word in words]

    @sanity_function
    def program_ran_and_energy_is_known(self) -> Any:
        """Every repeat ended well, and the energy is known: without a sensor it is null."""
        result = self.result()
        return sn.all(
            [
                sn.assert_true(all(check["passed"] for check in result["verification"])),
                sn.assert_false(result["partial"]),
                sn.assert_ne(result["energy_j"], None),
            ]
        )

    @performance_function("J")
    def energy(self) -> Any:
        return self.result()["energy_j"]["value"]

    @performance_function("J")
    def energy_low(self) -> Any:
        return self.result()["energy_j"]["low"]

    @performance_function("J")
    def energy_high(self) -> Any:
        return self.result()["energy_j"]["high"]

    @performance_function("s")
    def time(self) -> Any:
        return self.result()["time_s"]["value"]

    @performance_function("s")
    def time_low(self) -> Any:
        return self.result()["time_s"]["low"]

    @performance_function("s")
    def time_high(self) -> Any:
        return self.result()["time_s"]["high"]

    def result(self) -> Any:
        """The document that energybench printed, alone, on the standard output."""
        with open(sn.evaluate(self.stdout)) as printed:
            return json.load(printed)
