import pytest

from bench import scoring
from bench.contenders import straight_scoring
from bench.report import Options


def test_scoring_is_measured_beside_a_straightforward_one() -> None:
    """The contenders agree about every game that is timed, and each kind of games has its speeds and its ratios."""
    found = scoring.run(Options(quick=True, games=600))
    assert [figure.unit for figure in found.figures] == ["games/s", "games/s", "x", "x"] * 2
    assert found.details["games"] == 1000
    assert all(figure.value > 0 for figure in found.figures)


def test_contenders_that_disagree_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contender that forgets a bonus stops the benchmark."""
    monkeypatch.setattr(straight_scoring, "totals_alone", lambda rolls: [sum(rolls)] * 10)
    with pytest.raises(ValueError, match="disagree"):
        scoring.run(Options(quick=True, games=100))
