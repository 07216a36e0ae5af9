import pytest

from bench import bridge_memory, decoding, link, spool
from bench.report import Options


@pytest.mark.long
def test_commits_are_measured_beside_bare_sqlite() -> None:
    """The smoke test measures both sizes of batch and finds a ratio for each."""
    figures = spool.run(Options(quick=True)).figures
    assert [figure.unit for figure in figures] == ["x", "MB/s", "x", "MB/s"]
    assert all(figure.value > 0 for figure in figures)


@pytest.mark.long
def test_memory_does_not_grow_with_the_device() -> None:
    """A device pulled and pushed by ticket arrives whole, and a larger one needs no more memory than a smaller one."""
    figures = bridge_memory.run(Options(quick=True)).figures
    assert [figure.met for figure in figures] == [True, True, True]


@pytest.mark.long
def test_the_link_is_measured_on_both_lines() -> None:
    """Every page of the device comes into the spool over a limited and an unlimited line, and each has its ratio."""
    figures = link.run(Options(quick=True, here=True)).figures
    assert [figure.unit for figure in figures[:4]] == ["x", "x", "MB/s", "x"]
    assert all(figure.value > 0 for figure in figures)


def test_decoding_is_measured_beside_numpy() -> None:
    """Columns are equal to numpy's before they are timed, and each spacing has its floor and its ratios."""
    figures = decoding.run(Options(quick=True)).figures
    assert [figure.unit for figure in figures] == ["ms", *["x"] * 6] * 2
    assert [figure.at_most for figure in figures if figure.at_most] == [2.0, 2.0]
