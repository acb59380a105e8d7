"""A board's meter: rows and series of the board are taken, those of other boards are refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.boards import SLICE
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from tests.meters.logger_files import nine_rows, prometheus_answer

BOARD = "GPU-0e4a0c7d-51b2-4f6e-9a30-7c5d2e8f100b"
OTHER = "GPU-ffffffff-0000-0000-0000-000000000000"
CHOICE = Choice(board=BOARD, unit="W")
answer = partial(prometheus_answer, name="DCGM_FI_DEV_POWER_USAGE")


def spellings(uuid: str) -> list[str]:
    return [uuid, uuid.removeprefix("GPU-"), uuid.upper().replace("GPU-", "")]


@pytest.mark.parametrize("uuid", spellings(OTHER))
@pytest.mark.parametrize("label", ["UUID", "uuid", "gpu_uuid", "device"])
def test_another_board_is_refused(tmp_path: Path, label: str, uuid: str) -> None:
    """As a label, as a cell, and in the name of a column."""
    files = (
        answer(tmp_path, {"gpu": "0", label: uuid}),
        nine_rows(tmp_path, f"time,{label},power_w", f"{uuid},{{w}}"),
    )
    for file in files:
        with pytest.raises(BadInput, match="are of another board"):
            read(file, CHOICE)
    with pytest.raises(BadInput, match="are of another board"):
        read(nine_rows(tmp_path, f"time,{uuid} power_w", "{w}"), CHOICE)


@pytest.mark.parametrize("uuid", spellings(BOARD))
def test_the_board_itself_is_taken(tmp_path: Path, uuid: str) -> None:
    """Also from the rows, the columns and the series of several boards."""
    both = {"UUID": OTHER}, {"UUID": uuid}
    head = f"time,{OTHER} power_w,{uuid} power_w"
    for file in (
        answer(tmp_path, *both),
        nine_rows(tmp_path, "time,uuid,power_w", f"{OTHER},90", f"{uuid},1{{w}}"),
        nine_rows(tmp_path, head, "90,1{w}"),
    ):
        series = read(file, CHOICE)
        assert series.raw[0] * series.resolution in (110, 1100)
        assert not series.name_says


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("pod_uid", OTHER.removeprefix("GPU-")),
        ("system_uuid", OTHER.removeprefix("GPU-")),
        ("modelName", "NVIDIA A100"),
    ],
)
def test_other_labels_name_no_board(tmp_path: Path, label: str, value: str) -> None:
    assert not read(answer(tmp_path, {label: value}), CHOICE).name_says


def test_a_slice_of_the_board_has_a_doubt(tmp_path: Path) -> None:
    series = {"UUID": BOARD, "GPU_I_ID": "3", "GPU_I_PROFILE": "3g.20gb"}
    assert read(answer(tmp_path, series), CHOICE).name_says == SLICE
    assert not read(
        answer(tmp_path, series | {"GPU_I_ID": "", "GPU_I_PROFILE": ""}), CHOICE
    ).name_says
    slices = nine_rows(tmp_path, "time,uuid,GPU_I_ID,power_w", f"{BOARD},3,{{w}}")
    assert read(slices, CHOICE).name_says == SLICE
    mig = nine_rows(tmp_path, "time,uuid,power_w", f"MIG-{BOARD[4:]},{{w}}")
    assert read(mig, CHOICE).name_says == SLICE


@pytest.mark.parametrize(
    ("name", "kind", "first"),
    [
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", 0.1),
        ("DCGM_FI_DEV_POWER_USAGE", "power", 100.0),
    ],
)
def test_units_that_the_documentation_states(
    tmp_path: Path, name: str, kind: str, first: float
) -> None:
    """NVIDIA's DCGM counts energy in mJ and shows power in W."""
    for file in (
        answer(tmp_path, {"UUID": BOARD}, name=name),
        nine_rows(tmp_path, f"time,{name}", "{w}"),
    ):
        series = read(file, Choice(board=BOARD))
        assert series.kind == kind
        assert series.raw[0] * series.resolution == pytest.approx(first)


def test_the_row_of_the_sum_is_suggested(tmp_path: Path) -> None:
    """Turbostat writes a dash for all packages, above a row for each."""
    path = nine_rows(tmp_path, "time,Package,Core,PkgWatt", "-,-,1{w}", "0,0,5{w}", "1,0,5{w}")
    with pytest.raises(Undecided) as refusal:
        read(path, Choice(unit="W"))
    assert refusal.value.options == (("--select", "Package=-"),)


@pytest.mark.parametrize("unit", ["deciwatt", "centiwatts", "megawatt", "gigajoules"])
def test_a_scale_in_words_has_no_suggestion(tmp_path: Path, unit: str) -> None:
    with pytest.raises(BadInput, match=f"says '{unit}'") as caught:
        read(nine_rows(tmp_path, f"time,power_{unit}", "{w}"), Choice())
    assert not isinstance(caught.value, Undecided)
