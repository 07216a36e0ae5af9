"""What API Gateway refuses by itself never comes to the function: the template gives it the stage's CORS headers."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud.cloud import TEMPLATE
from local_cloud.template import Template, TemplateError

PROJECT = Path(__file__).parents[2]
RESPONSES = "x-amazon-apigateway-gateway-responses"


def _body_with(**parameters: str) -> Any:
    properties = yaml.safe_load(TEMPLATE.read_text())["Resources"]["RestAPI"]["Properties"]
    return Template(TEMPLATE, parameters).resolve(properties["DefinitionBody"], {})


@pytest.mark.parametrize("origin", ["https://app.example.org", "http://localhost:5173", "*"])
def test_refusals_can_be_read_by_the_stages_origin(origin: str) -> None:
    """Every 4xx and 5xx of API Gateway's own names the origin, as a text in single quotes, as its mappings want it."""
    named = {"responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'"}}
    assert _body_with(CorsOrigin=origin) == {RESPONSES: {"DEFAULT_4XX": named, "DEFAULT_5XX": named}}


def test_without_an_origin_refusals_are_as_they_were() -> None:
    """A stage that lets no other origin in adds nothing."""
    assert _body_with() == {}


@pytest.mark.parametrize("origin", ["https://a.example'", "https://a.example/", "a.example", "https://a.example,b"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """One origin without a path, or a star: anything else would be a header that no browser accepts."""
    with pytest.raises(TemplateError, match="CorsOrigin"):
        _body_with(CorsOrigin=origin)


def test_parameter_and_setting_agree() -> None:
    """What the template is deployed with by default is what the stage `prod` answers with."""
    variables = json.loads((PROJECT / ".chalice/config.json").read_text())["stages"]["prod"]["environment_variables"]
    default = yaml.safe_load(TEMPLATE.read_text())["Parameters"]["CorsOrigin"]["Default"]
    assert variables.get("CORS_ORIGIN", "") == default
