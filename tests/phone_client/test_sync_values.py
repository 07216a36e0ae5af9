"""Values of every type through the phone's columns, JSON and the server, and back: unchanged."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phone_client.database import ENTRY_TYPES
from phone_client.sync import PullReply, ServerEntry
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_network import Between, NewPhone, sync_all
from tests.phone_client.values import WRITTEN_TYPES, fields_of, json_values, parents, round_trip

_quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_what_a_user_writes_comes_back_on_another_phone(new_phone: NewPhone, server: ModelServer) -> None:
    """Whatever a field may hold arrives on a second phone as the first one wrote it, type and all."""
    one, other = new_phone(), new_phone()
    links = parents(one)
    written = 0

    @_quick
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal written
        kind = data.draw(st.sampled_from(WRITTEN_TYPES))
        fields = data.draw(fields_of(kind, links))
        written += round_trip(kind, fields, one, other, lambda phone: sync_all(server, phone))

    check()
    assert written > 20


def test_a_zero_keeps_its_sign_and_is_no_other_value(new_phone: NewPhone, server: ModelServer) -> None:
    """-0.0 arrives as it was sent, over the store of both phones; a change between it and 0 is none."""
    one, other = new_phone(), new_phone()
    assert round_trip(
        ENTRY_TYPES["ball"],
        {"name": "x", "weight_lb": -0.0, "rg_in": 0.0},
        one,
        other,
        lambda phone: sync_all(server, phone),
    )
    (ball,) = other.book.every("ball")
    assert not other.book.change("ball", ball.id, {"weight_lb": 0, "rg_in": -0.0})
    assert other.book.unsent() == 0


def test_what_a_server_sends_is_what_the_user_sees(phone: Phone, network: Between) -> None:
    """Any JSON in any field, known or not, of whatever type the server of another day sends, is kept as it is."""
    names = st.sampled_from(["name", "weight_lb", "started_at", "lanes", "foul", "count", "metrics", "glow"])
    ver = 0

    @_quick
    @given(st.sampled_from(sorted(ENTRY_TYPES)), st.dictionaries(names, json_values, max_size=5))
    def check(type_name: str, fields: dict[str, Any]) -> None:
        nonlocal ver
        ver += 1
        page = PullReply((ServerEntry("e1", type_name, ver, fields=fields),), cursor=f"epoch-1/{ver}/1")
        network.on_page = lambda _: page
        phone.sync()
        found = phone.book.get(type_name, "e1")
        assert found is not None
        shown = {name: value for name, value in fields.items() if value is not None}
        assert found.fields == shown
        assert {name: type(value) is bool for name, value in found.fields.items()} == {
            name: type(value) is bool for name, value in shown.items()
        }

    check()
