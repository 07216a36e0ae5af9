"""Statistics as plain text, with what each figure is made of."""

from typing import TYPE_CHECKING

from phone_client.cli.tables import table

if TYPE_CHECKING:
    import tenpin

_PERCENT = (
    ("strikes", "strike"),
    ("spares", "spare"),
    ("opens", "open"),
    ("spare conversion", "spare_conversion"),
    ("splits", "split"),
    ("splits converted", "split_conversion"),
    ("washouts", "washout"),
    ("washouts converted", "washout_conversion"),
    ("pocket hits", "pocket"),
    ("carry", "carry"),
)


def statistics_table(found: "tenpin.Statistics") -> str:
    """Return all figures, a line each."""
    games = found.games.together
    rows = [
        ("games", str(games.count), _entered(found)),
        ("game average", _decimal(games.average), f"{games.total} / {games.count}"),
        ("high game", "-" if games.high is None else str(games.high), ""),
        ("low game", "-" if games.low is None else str(games.low), ""),
        ("first-ball average", _decimal(found.first_ball.value), _made_of(found.first_ball)),
        *((name, _share(getattr(found, field)), _made_of(getattr(found, field))) for name, field in _PERCENT),
    ]
    return table(("FIGURE", "VALUE", "OF"), rows)


def _entered(found: "tenpin.Statistics") -> str:
    parts = ((found.games.entered.count, "entered"), (found.games.unfinished, "unfinished, not counted"))
    problems = ((found.games.with_problems, "with problems, not counted"),)
    return ", ".join(f"{count} {what}" for count, what in (*parts, *problems) if count)


def _made_of(ratio: "tenpin.Ratio") -> str:
    return f"{ratio.numerator} / {ratio.denominator}"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(ratio: "tenpin.Ratio") -> str:
    return "-" if ratio.value is None else f"{100 * ratio.value:.1f} %"
