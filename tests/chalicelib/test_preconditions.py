"""The entity tag of a version, and the If-Match that a change must carry (RFC 9110 section 13.1.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.preconditions import (
    PreconditionFailed,
    PreconditionRequired,
    entity_tag,
    read_if_match,
    require_version,
)


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_a_tag_comes_back_as_its_version(version: int) -> None:
    """What was given as ETag is read as the version that it was made of, and satisfies a change of that version."""
    wanted = read_if_match(entity_tag(version))
    assert wanted == frozenset({version})
    require_version(version, wanted)


@pytest.mark.parametrize("header", [None, "", "  "])
def test_without_if_match_nothing_is_changed(header: str | None) -> None:
    """A change that names no version is a 428."""
    with pytest.raises(PreconditionRequired):
        read_if_match(header)


def test_a_star_fits_any_version() -> None:
    """`*` is for whoever does not care what is there."""
    wanted = read_if_match(" * ")
    assert wanted is None
    require_version(7, wanted)


def test_one_of_several_tags_is_enough() -> None:
    """A list of tags fits when one of them does, whatever spaces and foreign tags stand between."""
    wanted = read_if_match('"1" ,"abc", "3"')
    assert wanted == frozenset({1, 3})
    require_version(3, wanted)
    with pytest.raises(PreconditionFailed):
        require_version(2, wanted)


@pytest.mark.parametrize("header", ['W/"1"', "1", '"1', '"-1"', '"1.0"', '"\u0661"', '"' + "9" * 16 + '"', '""', ","])
def test_what_is_no_tag_of_ours_fits_nothing(header: str) -> None:
    """A weak tag, one that this API never gives and plain garbage are a 412, never a change."""
    with pytest.raises(PreconditionFailed):
        read_if_match(header)


@given(st.text(max_size=40))
def test_any_header_is_read_or_refused(header: str) -> None:
    """Whatever stands in If-Match gives versions, any, 412 or 428, and nothing else."""
    try:
        wanted = read_if_match(header)
    except (PreconditionFailed, PreconditionRequired):
        return
    assert wanted is None or all(version >= 0 for version in wanted)
