"""CUDA_VISIBLE_DEVICES → boards, by CUDA's own rules."""

import pytest

from energybench.collectors.cuda_devices import Board, Instance, no_device, visible

A, B, C = (
    "GPU-aaaa1111-0000-0000-0000-000000000000",
    "GPU-aaaa2222-0000-0000-0000-000000000000",
    "GPU-bbbb3333-0000-0000-0000-000000000000",
)
SAME = [Board(A, "A100"), Board(B, "A100"), Board(C, "A100")]
MIXED = [Board(A, "A100"), Board(B, "T4"), Board(C, "A100")]
MIG = [
    Board(A, "A100"),
    Board(
        B, "A100", True, (Instance("MIG-1f00-x", 7, 0, 14), Instance("MIG-2f00-y", 9, 0, 42)), 98
    ),
]


@pytest.mark.parametrize(
    ("value", "used", "codes"),
    [
        (None, {A, B, C}, []),
        ("", set(), []),
        ("-1", set(), []),
        ("NoDevFiles", set(), []),
        ("1", {B}, []),
        ("2,0", {A, C}, []),
        (" 2 , 0 ", {A, C}, []),
        ("1gpu", {B}, []),
        ("0,-1,2", {A}, []),
        ("0,7,2", {A}, ["visible-device-unknown"]),
        ("0,x,2", {A}, ["visible-device-unknown"]),
        ("0,0", set(), ["visible-device-unknown"]),
        (B, {B}, []),
        (f"{C},{A}", {A, C}, []),
        ("GPU-b", {C}, []),
        ("GPU-aaaa2", {B}, []),
        ("GPU-aaaa", set(), ["visible-device-unknown"]),
        ("GPU-cccc", set(), ["visible-device-unknown"]),
        (f"{A},GPU-cccc,{B}", {A}, ["visible-device-unknown"]),
        ("MIG-0", set(), ["visible-device-unknown"]),
    ],
)
def test_which_boards(value: str | None, used: set[str], codes: list[str]) -> None:
    """Indices, UUIDs, unique abbreviations; the list ends at the first entry without a device; a
    repeated entry leaves no device.
    """
    boards, doubts = visible(value, "PCI_BUS_ID", SAME)
    assert boards == used
    assert [doubt.code for doubt in doubts] == codes


@pytest.mark.parametrize(
    ("value", "order", "boards", "doubted"),
    [
        ("0", None, MIXED, True),
        ("0", "FASTEST_FIRST", MIXED, True),
        ("0", "PCI_BUS_ID", MIXED, False),
        ("0", None, SAME, False),
        ("0,1,2", None, MIXED, False),
        (B, None, MIXED, False),
        (None, None, MIXED, False),
    ],
)
def test_an_index_is_safe_only_in_pci_order_or_among_equals(
    value: str | None, order: str | None, boards: list[Board], doubted: bool
) -> None:
    """CUDA counts fastest first by default: the board of an index is then not known on a node with
    different boards, unless the work takes every board.
    """
    assert [doubt.code for doubt in visible(value, order, boards)[1]] == (
        ["cuda-order"] if doubted else []
    )


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("MIG-2f00-y", "42 of 98 multiprocessors (43 %)"),
        ("MIG-2", "42 of 98 multiprocessors (43 %)"),
        (f"MIG-{B}/7/0", "14 of 98 multiprocessors (14 %)"),
        (f"MIG-{B}/3/0", "not known"),
        (B, "not named"),
    ],
)
def test_mig(value: str, share: str) -> None:
    """New and old names of an instance charge the parent board, and a doubt states the share."""
    used, doubts = visible(value, "PCI_BUS_ID", MIG)
    assert used == {B}
    assert [doubt.code for doubt in doubts] == ["mig-parent"]
    assert share in doubts[0].message


def test_two_instances_of_one_board() -> None:
    """Both instances have a doubt; the board is used once."""
    used, doubts = visible("MIG-1f00-x,MIG-2f00-y", None, MIG)
    assert (used, len(doubts)) == ({B}, 2)


def board(uuid: str, *sms: int) -> Board:
    """A board with MIG and instances of so many multiprocessors."""
    instances = tuple(
        Instance(f"MIG-{uuid[4:12]}-{i}", i + 7, 0, number) for i, number in enumerate(sms)
    )
    return Board(uuid, "H100", True, instances, 132)


@pytest.mark.parametrize(
    ("value", "used"),
    [
        ("0", {A}),
        ("1", {A}),
        ("2", {B}),
        ("3", {B}),
        ("4", {C}),
        ("0,1", {A}),
        ("1,2", {A, B}),
        ("4,0", {A, C}),
        ("0,1,2,3,4", {A, B, C}),
        (None, {A, B, C}),
    ],
)
def test_an_index_counts_instances(value: str | None, used: set[str]) -> None:
    """Boards with two, two and one instances: five devices in the order of the boards."""
    boards = [board(A, 16, 16), board(B, 60, 60), board(C, 132)]
    found, doubts = visible(value, None, boards)
    assert found == used
    assert {doubt.code for doubt in doubts} == {"mig-parent"}
    if value == "3":
        assert "60 of 132 multiprocessors" in doubts[0].message


def test_an_index_beyond_the_last_instance() -> None:
    """CUDA ignores it and all that follow."""
    found, doubts = visible("1,2", None, [board(A, 16, 16)])
    assert found == {A}
    assert [doubt.code for doubt in doubts] == ["visible-device-unknown", "mig-parent"]


@pytest.mark.parametrize("value", ["0", "1", "2"])
def test_an_index_beside_a_board_without_mig_is_doubted(value: str) -> None:
    """CUDA may leave out boards without instances, and its count then starts elsewhere."""
    doubts = visible(value, "PCI_BUS_ID", [Board(A, "A100"), board(B, 14, 42)])[1]
    assert "cuda-order" in [doubt.code for doubt in doubts]


@pytest.mark.parametrize("value", ["0", "0,1", "3"])
def test_instances_that_nvml_does_not_list_cannot_be_counted(value: str) -> None:
    """Every board counts as used, and a doubt says why; no entry is called unknown."""
    found, doubts = visible(value, None, [board(A), board(B)])
    assert found == {A, B}
    assert [doubt.code for doubt in doubts] == ["cuda-order", "mig-parent", "mig-parent"]
    assert [doubt.code for doubt in visible(value, None, [board(A)])[1]] == ["mig-parent"]


@pytest.mark.parametrize(
    ("value", "hidden"),
    [("", True), ("-1", True), (" NoDevFiles ", True), ("0", False), ("GPU-1", False)],
)
def test_a_list_that_hides_every_device(value: str, hidden: bool) -> None:
    """Empty, negative, or the name that Slurm writes."""
    assert no_device(value) is hidden
