"""Page of `world.json`: every member of its model."""

import inspect
from collections.abc import Iterator

from pydantic import BaseModel

from gatebench.documentation import sentences
from gatebench.documentation.markdown import prose, table
from gatebench.documentation.models import HEAD, rows
from gatebench.fixtures.reference_gateway import config
from gatebench.fixtures.reference_gateway.config import WorldConfig

PAGE = "world"
# Where the objects of each model are, in the order of the page; NAME is any name.
PLACES: dict[str, type[BaseModel]] = {
    "": WorldConfig,
    "gateway": config.GatewaySettings,
    "issuers.NAME": config.IssuerConfig,
    "principals.NAME, with a gateway token": config.TokenPrincipal,
    "principals.NAME, with a JWT": config.ExternalPrincipal,
    "upstreams.NAME": config.UpstreamConfig,
    "upstreams.NAME.auth, none": config.NoAuthConfig,
    "upstreams.NAME.auth, static": config.StaticHeaderConfig,
    "upstreams.NAME.auth, oauth": config.OAuthConfig,
    "upstreams.NAME.auth, passthrough": config.PassthroughConfig,
    "far_end": config.FarEndConfig,
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# world.json", "")
    yield from (
        "`gatebench world --save world.json` writes it, and each run gives it to the gateway that it starts. It holds everything",
        "that an operator must configure, with credentials that are valid in this world only. Only its owner can read the file.",
        "Readers ignore members that they do not know.",
        "",
    )
    for place, model in PLACES.items():
        yield from (f"## {prose(place) or 'The whole'}", "", prose(inspect.getdoc(model) or ""), "")
        yield from table(HEAD, rows(model, sentences.of(PAGE, model.__name__), model.__name__))
