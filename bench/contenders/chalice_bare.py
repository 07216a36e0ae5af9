"""Chalice with nothing around the view: no authentication, no decoding, a constant answer."""

from chalice.app import Chalice

from bench.contenders import profile
from bench.contenders.workload import ANSWER, Handler


def make_handler() -> Handler:
    """Return a Chalice application with both routes."""
    app = Chalice(app_name="bare")

    @app.route("/v1/bridges", methods=["POST"])
    def add_bridge() -> dict[str, str]:
        return ANSWER

    @app.route("/v1/users/me")
    def get_user() -> dict[str, object]:
        return profile.ANSWER

    return app
