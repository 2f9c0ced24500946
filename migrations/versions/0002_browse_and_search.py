"""Browsing and search: names in their order, operations as rows, full-text search.

The table ``product_search`` differs between the databases (FTS5 on SQLite, tsvector with GIN on PostgreSQL), so the
models do not describe it; ``portal/catalog/search.py`` is the only place that knows it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = "state IN ('published', 'deprecated')"
PARTIAL = (
    ("ix_api_product_open_sort_name_id", ["sort_name", "id"], OPEN),
    ("ix_api_product_open_category_sort_name_id", ["category", "sort_name", "id"], OPEN),
    ("ix_api_product_open_auth_method_sort_name_id", ["auth_method", "sort_name", "id"], OPEN),
    ("ix_api_product_open_featured_sort_name_id", ["featured", "sort_name", "id"], f"featured AND {OPEN}"),
)


def upgrade() -> None:
    op.add_column("api_product", sa.Column("sort_name", sa.String(length=200), nullable=False, server_default=""))
    op.execute("update api_product set sort_name = lower(name)")
    op.drop_index("ix_api_product_state_name", table_name="api_product")
    op.drop_index("ix_api_product_category", table_name="api_product")
    op.create_index("ix_api_product_sort_name_id", "api_product", ["sort_name", "id"])
    op.create_index("ix_api_product_state_sort_name_id", "api_product", ["state", "sort_name", "id"])
    for name, columns, where in PARTIAL:
        op.create_index(name, "api_product", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))

    op.add_column("api_description", sa.Column("groups", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("api_description", sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_api_description_sha256", "api_description", ["sha256"])
    op.drop_column("api_description", "operations")
    op.create_table(
        "api_operation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("description_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["description_id"],
            ["api_description.id"],
            name=op.f("fk_api_operation_description_id_api_description"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_operation")),
    )
    op.create_index("uq_api_operation_position", "api_operation", ["description_id", "position"], unique=True)
    create_search()


def create_search() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # Rows are found by their rowid, the product's id. The words are prepared by us: the tokenizer only splits.
        op.execute(
            "create virtual table product_search using fts5("
            "name, facts, body, tokenize = 'ascii', prefix = '2 3 4', detail = 'column')"
        )
        return
    op.execute(
        "create table product_search (product_id bigint primary key references api_product (id) on delete cascade, "
        "words tsvector not null)"
    )
    # Without the list of pending entries each search costs the same, whatever was written just before.
    op.execute("create index ix_product_search_words on product_search using gin (words) with (fastupdate = off)")


def downgrade() -> None:
    op.execute("drop table product_search")
    op.drop_table("api_operation")
    op.add_column("api_description", sa.Column("operations", sa.JSON(), nullable=False, server_default="[]"))
    op.drop_index("ix_api_description_sha256", table_name="api_description")
    op.drop_column("api_description", "search_text")
    op.drop_column("api_description", "groups")
    for name, _, _ in PARTIAL:
        op.drop_index(name, table_name="api_product")
    op.drop_index("ix_api_product_state_sort_name_id", table_name="api_product")
    op.drop_index("ix_api_product_sort_name_id", table_name="api_product")
    op.create_index("ix_api_product_category", "api_product", ["category"])
    op.create_index("ix_api_product_state_name", "api_product", ["state", "name", "id"])
    op.drop_column("api_product", "sort_name")
