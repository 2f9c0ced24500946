"""Full-text search over products: FTS5 on SQLite, tsvector with GIN on PostgreSQL, behind the same few functions.

The words are prepared here (case and accents folded, names in camel case taken apart) and the databases only keep and
match them, so both find the same. A tag is a word of its own in the index, which makes the filter by tag a search too.
What is written in a search field is taken apart into words first: no character of it ever reaches a query language.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, TextClause, column, literal_column, select, table, text

from portal.catalog.models import ApiDescription, ApiProduct
from portal.db import db, on_sqlite

WORD = re.compile(r"[^\W_]+")
SEAM = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
WORD_LENGTH = 60
QUERY_LENGTH = 400
QUERY_WORDS = 8
BODY_WORDS = 4_000
PRODUCT_TEXT = 20_000
BATCH = 500
NOTHING = ""

INDEX = table("product_search", column("rowid", Integer), column("product_id", Integer))


# Keeping the index


def index_product(product: ApiProduct) -> None:
    """Let a stored product be found by what it says now. Part of the transaction that changed it."""
    _write([product])


def rebuild_index() -> int:
    """Index every product anew, for data that came into the tables by another way; says how many there are."""
    indexed, last = 0, 0
    while products := db.session.scalars(
        select(ApiProduct).where(ApiProduct.id > last).order_by(ApiProduct.id).limit(BATCH)
    ).all():
        _write(products)
        indexed, last = indexed + len(products), products[-1].id
    return indexed


def _write(products: Sequence[ApiProduct]) -> None:
    documents: dict[int, list[str]] = {product.id: [] for product in products}
    query = select(ApiDescription.product_id, ApiDescription.search_text).order_by(ApiDescription.id)
    for product_id, words in db.session.execute(query.where(ApiDescription.product_id.in_(documents))):
        documents[product_id].append(words)
    rows = [{"id": product.id, **_prepared(product, documents[product.id])} for product in products]
    for statement in _WRITE_SQLITE if on_sqlite() else _WRITE_POSTGRESQL:
        db.session.execute(statement, rows)


def _prepared(product: ApiProduct, documents: Iterable[str]) -> dict[str, str]:
    """The words of each weight."""
    name = indexed_words(product.name)
    facts = indexed_words(" ".join([product.summary, product.category, product.slug, *product.tags]))
    body = indexed_words(" ".join([product.description[:PRODUCT_TEXT], *documents]), BODY_WORDS)
    facts += [tag_word(tag) for tag in product.tags]
    if on_sqlite():
        return {"name": " ".join(name), "facts": " ".join(facts), "body": " ".join(body)}
    weights = {**dict.fromkeys(body, "C"), **dict.fromkeys(facts, "B"), **dict.fromkeys(name, "A")}
    return {"words": " ".join(f"{word}:1{weight}" for word, weight in weights.items())}


_WRITE_SQLITE = (
    text("delete from product_search where rowid = :id"),
    text("insert into product_search (rowid, name, facts, body) values (:id, :name, :facts, :body)"),
)
_WRITE_POSTGRESQL = (
    text(
        "insert into product_search (product_id, words) values (:id, cast(:words as tsvector)) "
        "on conflict (product_id) do update set words = excluded.words"
    ),
)


# Words


def indexed_words(given: str, most: int = 500) -> list[str]:
    """The words by which a text is found, each once: as written, and the parts of names like createPayment."""
    found: dict[str, None] = {}
    for whole in given.split():
        for word in (*words_of(whole), *words_of(SEAM.sub(" ", whole))):
            found.setdefault(word)
        if len(found) >= most:
            break
    return list(found)[:most]


def words_of(given: str) -> list[str]:
    """The words of a text, with case and accents folded."""
    plain = unicodedata.normalize("NFKD", given.casefold())
    return [word[:WORD_LENGTH] for word in WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))]


def tag_word(tag: str) -> str:
    """The one word that stands for a tag in the index."""
    return "xtag" + hashlib.sha256(tag.strip().casefold().encode("utf-8", "replace")).hexdigest()[:24]


# Asking


def search_expression(search: str, tag: str = "", *, whole: bool = False) -> str | None:
    """What to ask the index for: every word, the last one as a beginning unless ``whole`` words are wanted.

    None when nothing is searched for; ``NOTHING`` when something is, but no word that anything could match.
    """
    words = words_of(search[:QUERY_LENGTH])[:QUERY_WORDS]
    if search.strip() and not words:
        return NOTHING
    if not words and not tag.strip():
        return None
    is_sqlite = on_sqlite()
    quoted = [f'"{word}"' if is_sqlite else f"'{word}'" for word in words]
    if quoted and not whole and len(words[-1]) > 1 and not search[:QUERY_LENGTH][-1].isspace():
        quoted[-1] += "*" if is_sqlite else ":*"
    if tag.strip():
        quoted.append(tag_word(tag))
    return " ".join(quoted) if is_sqlite else " & ".join(quoted)


def matching(expression: str) -> Select[Any]:
    """The ids of the products that match, in no order."""
    return select(index_id()).select_from(INDEX).where(matches(expression))


def index_id() -> ColumnElement[int]:
    """The product's id in the index."""
    return INDEX.c.rowid if on_sqlite() else INDEX.c.product_id


def matches(expression: str) -> TextClause:
    """The condition on the index."""
    if on_sqlite():
        return text("product_search match :expression").bindparams(expression=expression)
    return text("product_search.words @@ cast(:expression as tsquery)").bindparams(expression=expression)


def best_first(expression: str) -> tuple[Any, ...]:
    """The order in which a name counts more than a tag or summary, and these more than the rest."""
    if on_sqlite():
        return (literal_column("bm25(product_search, 20.0, 5.0, 1.0)"), index_id())
    rank = text("ts_rank('{0.02, 0.1, 0.4, 1.0}', product_search.words, cast(:expression as tsquery)) desc")
    return (rank.bindparams(expression=expression), index_id())
