"""The recipes of docs/python.md run as they stand, with stand-ins for the libraries."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/python.md"

# What a recipe takes for granted, and the line that shows what the library got.
BEFORE = """
import json, time
logged = []
def train():
    time.sleep(0.3)
model = object()
"""
STAND_INS = {
    "MLflow": (
        {
            "mlflow": """
import contextlib
logged = []
start_run = contextlib.nullcontext
log_metrics = logged.append
"""
        },
        "print(json.dumps(mlflow.logged))",
    ),
    "Weights & Biases": (
        {
            "wandb": """
class Run:
    def __init__(self):
        self.logged, self.summary = [], {}
    def log(self, numbers, step):
        self.logged.append(numbers)
def init(project):
    return Run()
"""
        },
        "print(json.dumps([*run.logged, run.summary]))",
    ),
    "Lightning": (
        {
            "lightning/__init__": "",
            "lightning/pytorch": """
logged = []
class Callback:
    pass
class Logger:
    def log_metrics(self, numbers, step):
        logged.append(numbers)
class Trainer:
    def __init__(self, max_epochs, callbacks):
        self.epochs, self.callbacks, self.logger = max_epochs, callbacks, Logger()
        self.current_epoch = self.global_step = 0
    def fit(self, model):
        import time
        for self.current_epoch in range(self.epochs):
            for callback in self.callbacks:
                callback.on_train_epoch_start(self, model)
            time.sleep(0.3)
            for callback in self.callbacks:
                callback.on_train_epoch_end(self, model)
""",
        },
        "import lightning.pytorch; print(json.dumps(lightning.pytorch.logged))",
    ),
    "Hugging Face Transformers": (
        {
            "transformers": """
import time, types
class TrainerCallback:
    pass
class Trainer:
    def __init__(self, model, callbacks):
        self.callbacks = callbacks
        self.state = types.SimpleNamespace(global_step=7, log_history=[])
    def train(self):
        for callback in self.callbacks:
            callback.on_train_begin(None, self.state, None)
        time.sleep(0.3)
        for callback in self.callbacks:
            callback.on_train_end(None, self.state, None)
"""
        },
        "print(json.dumps(trainer.state.log_history))",
    ),
    "airspeed velocity (asv)": (
        {},
        'print(json.dumps([{"energy_j": Suite().track_energy()}]))',
    ),
}


def recipe(name: str) -> str:
    """The code below a heading of the page."""
    match = re.search(rf"### {re.escape(name)}\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert match is not None
    return match[1]


def test_every_recipe_is_run() -> None:
    """No recipe stands in the page without a test."""
    section = PAGE.read_text().split("## Recipes")[1]
    assert re.findall(r"### (.*)\n```python", section) == list(STAND_INS)


@pytest.mark.parametrize("name", STAND_INS)
def test_a_recipe_logs_energies(name: str, tmp_path: Path) -> None:
    """The library gets positive energies with their intervals."""
    modules, after = STAND_INS[name]
    for module, source in modules.items():
        path = tmp_path / "lib" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    path = os.pathsep.join(filter(None, (str(tmp_path / "lib"), os.environ.get("PYTHONPATH"))))
    ran = subprocess.run(
        [sys.executable, "-c", f"{BEFORE}\n{recipe(name)}\n{after}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    logged = json.loads(ran.stdout)
    assert logged
    assert all(numbers["energy_j"] > 0 for numbers in logged)
