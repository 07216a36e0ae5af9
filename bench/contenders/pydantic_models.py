"""The request and the answer for the frameworks that validate with pydantic: the same fields and limits as ours."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bench.contenders.workload import BRIDGE_ID, CREATED_AT, CREDENTIAL, LONGEST_NAME


class NewBridge(BaseModel):
    """The body of `POST /v1/bridges`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] = "bridge"


class BridgeView(BaseModel):
    """The answer."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    created_at: datetime
    credential: str


def new_bridge(name: str) -> BridgeView:
    """Return what the domain's verb would."""
    return BridgeView(id=BRIDGE_ID, name=name, created_at=CREATED_AT, credential=CREDENTIAL)
