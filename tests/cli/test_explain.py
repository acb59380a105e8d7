"""`energybench explain`: the meaning of a doubt, for a person and as JSON."""

from __future__ import annotations

from tests.cli.process import energybench, one_line


def test_a_code_is_explained(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Meaning, effect and remedy of one code; all codes without one; JSON; an unknown code."""
    one = energybench("explain", "one-node", cwd=tmp_path)
    assert one.code == 0
    assert [line.split()[0] for line in one.out.splitlines()] == [
        "one-node",
        "meaning",
        "effect",
        "remedy",
    ]
    every = energybench("explain", cwd=tmp_path).out
    assert "one-node" in every
    assert "sensor-lost" in every
    (entry,) = energybench("explain", "sensor-lost", "--json", cwd=tmp_path).json["entries"]
    assert entry["code"] == "sensor-lost"
    assert "is not the code of a doubt" in one_line(energybench("explain", "no", cwd=tmp_path))
