import pytest

from bench import bridge_memory, spool
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
