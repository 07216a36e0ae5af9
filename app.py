"""The Chalice application: the Web API's routes and the algorithm unit's event handler."""

from chalice.app import Chalice

from chalicelib import description, health, observation, preflight, web
from chalicelib.accounts.routes import routes as accounts
from chalicelib.administration.routes import routes as administration
from chalicelib.captures.routes import routes as captures
from chalicelib.devices.bridge_routes import routes as bridges
from chalicelib.devices.routes import routes as devices
from chalicelib.metrics.events import events
from chalicelib.metrics.routes import routes as metrics
from chalicelib.operation import OPERATIONS
from chalicelib.privacy.events import events as jobs
from chalicelib.privacy.routes import routes as privacy
from chalicelib.scorebook.entry_routes import routes as entries
from chalicelib.scorebook.score_routes import routes as scores
from chalicelib.scorebook.sync_routes import routes as sync
from chalicelib.settings import read_settings

app = Chalice(app_name="revmetrix")
app.register_middleware(web.problems_everywhere, "http")
# Before the blueprints: a route takes it when it is registered.
cors = preflight.cors(OPERATIONS)
app.api.cors = cors or False
for routes in (
    description.routes,
    health.routes,
    accounts,
    bridges,
    devices,
    administration,
    captures,
    metrics,
    entries,
    scores,
    sync,
    privacy,
):
    app.register_blueprint(routes.blueprint)
app.register_blueprint(events)
app.register_blueprint(jobs)
if cors is None:
    app.register_blueprint(preflight.options(OPERATIONS))
if read_settings().log_requests:
    observation.write_lines()
