"""Which route a path belongs to, and what stands in its places, as API Gateway has it."""

from urllib.parse import unquote

from chalice.local import MatchResult
from chalice.local import RouteMatcher as ChaliceRouteMatcher


class RouteMatcher(ChaliceRouteMatcher):
    """Chalice's matcher without the captures of the routes that it tried and left."""

    def match_route(self, url: str) -> MatchResult:
        """Return the route of `url`, its captures by name, and its query; ValueError without a route."""
        match = super().match_route(url)
        names = {part[1:-1] for part in match.route.split("/") if part.startswith("{")}
        captured = {name: value for name, value in match.captured.items() if name in names}
        return MatchResult(match.route, captured, match.query_params)


def decoded(value: str) -> str:
    """Return a path parameter as a function gets it: percent-decoded, with a plus left alone."""
    return unquote(value)
