"""The request and the answers for the frameworks that validate with pydantic: the same fields and limits as ours."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.contenders.profile import USER
from bench.contenders.workload import BRIDGE_ID, CREATED_AT, CREDENTIAL, LONGEST_NAME


class NewBridge(BaseModel):
    """The body of `POST /v1/bridges`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] = "bridge"
    kind: Literal["personal", "lane"] = "personal"


class BridgeView(BaseModel):
    """The answer."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    created_at: datetime
    credential: str
    kind: Literal["personal", "lane"]


def new_bridge(asked: NewBridge) -> BridgeView:
    """Return what the domain's verb would."""
    return BridgeView(id=BRIDGE_ID, name=asked.name, created_at=CREATED_AT, credential=CREDENTIAL, kind=asked.kind)


class UserView(BaseModel):
    """A user as the user sees it."""

    model_config = ConfigDict(frozen=True)

    id: str
    username: str
    email: str
    email_verified_at: datetime | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    handedness: Literal["left", "right", "both"] | None
    role: Literal["bowler", "researcher", "admin"]
    accepts_lane_bridges: bool
    created_at: datetime
    updated_at: datetime


def show_user() -> UserView:
    """Return what the domain's verb would."""
    return UserView(**USER)
