"""P1 to P4 and P7 over HTTP: the protocol's endpoints and the pages, on a small and on a large database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from portal.db import db
from tests.bench import bench_oauth, floors
from tests.bench.filling import RARE
from tests.bench.installations import POSTGRESQL, Installation
from tests.bench.measure import Contender, Cost, alternate
from tests.bench.report import Figure, growth, plain, speed
from tests.bench.servers import OURS, Request, Server, server
from tests.support.queries import count_queries

SHELF = "/catalogues"


@dataclass
class Ours:
    """Installations of growing size with a server each, and the floors beside them."""

    database: str
    it: dict[str, Installation]
    at: dict[str, Server] = field(default_factory=dict)
    floor: dict[str, Server] = field(default_factory=dict)

    @property
    def small(self) -> Installation:
        """The small installation."""
        return self.it["small"]

    @property
    def large(self) -> Installation:
        """The large one."""
        return self.it["large"]


@contextmanager
def running(database: str, it: Mapping[str, Installation]) -> Iterator[Ours]:
    """Servers for the installations and for the floors F1 and F2."""
    ours, large = Ours(database, dict(it)), it["large"]
    with ExitStack() as stack:
        for size, installation in it.items():
            own = server(OURS, installation.environment, database=installation.database_pid)
            ours.at[size] = stack.enter_context(own)
        ours.floor["F1"] = stack.enter_context(server("tests.bench.floors:oauth_floor", {}))
        pages = "\n".join(f"{name} {path} {session or '-'}" for name, path, session in floor_pages(large))
        environment = {**large.environment, floors.PAGES_NAME: pages}
        ours.floor["F2"] = stack.enter_context(server("tests.bench.floors:pages_floor", environment))
        yield ours


def floor_pages(it: Installation) -> list[tuple[str, str, str]]:
    """Name, path and session of the pages that F2 draws."""
    return [
        ("anonymous", SHELF, ""),
        ("signed-in", SHELF, it.sessions["consumer"]),
        ("product", product_path(it), ""),
    ]


def product_path(it: Installation, number: int = 3) -> str:
    """A product's page."""
    return f"{SHELF}/general/bench-{min(number, it.sizes.products - 1)}"


# --- P1, P2 ----------------------------------------------------------------------------------------------------------


def protocol(ours: Ours) -> list[Figure]:
    """P1 and P2: tokens, introspection, keys and metadata."""
    small, large, floor = ours.at["small"], ours.at["large"], ours.floor["F1"]
    contenders = {
        "F1": floor.contender(token(bench_oauth.CLIENT_ID, bench_oauth.SECRET, in_body=True)),
        "token": large.contender(token(*ours.large.client)),
        "token small": small.contender(token(*ours.small.client)),
        "introspection": large.contender(introspection(large, *ours.large.client)),
        "JSON": floor.contender(Request.get("/document")),
        "keys": large.contender(Request.get("/oauth/jwks.json")),
        "metadata": large.contender(Request.get("/.well-known/oauth-authorization-server")),
    }
    cost, db_name = alternate(contenders), ours.database
    count = f"{ours.large.sizes.credentials:,}"
    return [
        speed("P1", "token", db_name, cost["token"], cost["F1"], 0.55 if db_name == POSTGRESQL else 0.65),
        speed("P1", f"token, {count} credentials, against 100", db_name, cost["token"], cost["token small"], 0.95),
        speed("P2", "introspection", db_name, cost["introspection"], cost["F1"], 0.6),
        speed("P2", "keys", db_name, cost["keys"], cost["JSON"], 0.8),
        speed("P2", "metadata", db_name, cost["metadata"], cost["JSON"], 0.8),
    ]


def token(client_id: str, secret: str, *, in_body: bool = False) -> Request:
    """A request for a token."""
    fields = {"grant_type": "client_credentials"}
    if in_body:
        fields |= {"client_id": client_id, "client_secret": secret}
        return Request.post("/oauth/token", urlencode(fields).encode())
    return Request.post("/oauth/token", urlencode(fields).encode(), Authorization=_basic(client_id, secret))


def introspection(at: Server, client_id: str, secret: str) -> Request:
    """A question about a token that is good."""
    status, body = at.fetch(token(client_id, secret))
    assert status == 200, body
    fields = {"token": json.loads(body)["access_token"]}
    return Request.post("/oauth/introspect", urlencode(fields).encode(), Authorization=_basic(client_id, secret))


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


# --- P3, P4 ----------------------------------------------------------------------------------------------------------


def catalogue(ours: Ours) -> list[Figure]:
    """P3: catalogue and product pages against their templates alone, and large against small."""
    figures: list[Figure] = []
    deep = {size: f"{SHELF}?after={deep_key(it)}" for size, it in ours.it.items()}
    pages = {
        "catalogue, anonymous": ("anonymous", SHELF, "", SHELF),
        "catalogue, signed in": ("signed-in", SHELF, "consumer", SHELF),
        "catalogue, deep page": ("anonymous", deep["small"], "", deep["large"]),
        "product": ("product", product_path(ours.small), "", product_path(ours.large)),
    }
    for what, (name, few, who, many) in pages.items():
        contenders = {"F2": ours.floor["F2"].contender(Request.get(f"/floor/{name}"))}
        for size, at in ours.at.items():
            path = many if size == "large" else few
            contenders[size] = at.contender(Request.get(path, session=ours.it[size].sessions.get(who, "")))
        cost = alternate(contenders)
        products = f"{ours.large.sizes.products:,}"
        if "deep" not in what:
            figures.append(speed("P3", f"{what}, {products} products", ours.database, cost["large"], cost["F2"], 0.4))
        figures.append(
            growth("P3", f"{what}, {products} against 100", ours.database, cost["large"], cost["small"], 1.2)
        )
    return figures


def deep_key(it: Installation) -> int:
    """A product four fifths of the way down the list of names."""
    with it.app.app_context():
        query = "select id from api_product order by sort_name, id limit 1 offset :depth"
        found = db.session.execute(db.text(query), {"depth": it.sizes.products * 4 // 5}).scalar_one()
        db.session.remove()
    return int(found)


def full_text(ours: Ours) -> list[Figure]:
    """P4: searches for common and rare words against the page without a search."""
    at = ours.at["large"]
    words = {"a common word": "parcel", "a rare word": RARE, "two words": "ledger reports", "a beginning": "harb"}
    contenders = {"none": at.contender(Request.get(SHELF))}
    contenders |= {what: at.contender(Request.get(f"{SHELF}?q={quote(word)}")) for what, word in words.items()}
    cost = alternate(contenders)
    return [growth("P4", f"search for {what}", ours.database, cost[what], cost["none"], 2) for what in words]


# --- P7 --------------------------------------------------------------------------------------------------------------


def lists(ours: Ours) -> list[Figure]:
    """P7: the long lists of people who work with them, large against small, and how many queries each takes."""
    pages = {
        "queue of an owner": ("owner", "/admin/access-requests"),
        "queue of an owner, decided": ("owner", "/admin/access-requests?status=approved"),
        "queue of an owner asked for few": ("other", "/admin/access-requests"),
        "queue of an auditor": ("auditor", "/admin/access-requests"),
        "audit page": ("auditor", "/admin/audit"),
        "audit page of a kind": ("auditor", "/admin/audit?kind=request"),
        "dashboard of an owner": ("owner", "/admin/"),
        "My requests": ("consumer", "/requests"),
    }
    figures = []
    for what, (who, path) in pages.items():
        contenders: dict[str, Contender] = {}
        for size in ("small", "large"):
            request = Request.get(path, session=ours.it[size].sessions[who])
            contenders[size] = ours.at[size].contender(request)
        cost: dict[str, Cost] = alternate(contenders)
        queries = {size: queries_of(ours.it[size], path, who) for size in ("small", "large")}
        told = f"{what} ({queries['large']} queries)"
        figures.append(growth("P7", told, ours.database, cost["large"], cost["small"], 1.2))
        if queries["small"] != queries["large"]:
            figures.append(plain("P7", f"{what}, queries", ours.database, f"{queries}", "the same", met=False))
    return figures


def queries_of(it: Installation, path: str, who: str) -> int:
    """How many queries a page takes."""
    with it.app.app_context():
        client = it.app.test_client()
        client.set_cookie("portico", it.sessions[who])
        client.get(path)
        with count_queries() as counted:
            answer = client.get(path)
        db.session.remove()
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return len(counted)
