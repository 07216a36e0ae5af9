"""FastAPI behind Mangum, asynchronous throughout: the faster of its two ways, since nothing here blocks."""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException  # type: ignore[import-not-found] # only the bench has it
from mangum import Mangum  # type: ignore[import-not-found] # only the benchmarks install it

from bench.contenders.pydantic_models import BridgeView, NewBridge, UserView, new_bridge, show_user
from bench.contenders.workload import Handler, NotAuthenticatedError, authenticate


async def require_user(authorization: Annotated[str | None, Header()] = None) -> str:
    """Return the caller's user, or answer 401."""
    try:
        return authenticate(authorization)
    except NotAuthenticatedError as error:
        raise HTTPException(status_code=401, detail="Send a valid access token.") from error


def make_handler() -> Handler:
    """Return an application with both routes, behind its Lambda adapter."""
    app = FastAPI()

    @app.post("/v1/bridges", status_code=201)  # type: ignore[untyped-decorator] # as above
    async def add_bridge(body: NewBridge, _user_id: Annotated[str, Depends(require_user)]) -> BridgeView:
        return new_bridge(body)

    @app.get("/v1/users/me")  # type: ignore[untyped-decorator] # as above
    async def get_user(_user_id: Annotated[str, Depends(require_user)]) -> UserView:
        return show_user()

    handler: Handler = Mangum(app, lifespan="off")
    return handler
