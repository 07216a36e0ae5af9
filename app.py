"""The Chalice application: the Web API's routes and the algorithm unit's event handler."""

from chalice.app import Chalice

from chalicelib import health, web
from chalicelib.accounts.routes import routes as accounts
from chalicelib.captures.routes import routes as captures
from chalicelib.metrics.events import events
from chalicelib.metrics.routes import routes as metrics

app = Chalice(app_name="revmetrix")
app.register_middleware(web.problems_everywhere, "http")
for blueprint in (health.routes.blueprint, accounts.blueprint, captures.blueprint, metrics.blueprint, events):
    app.register_blueprint(blueprint)
