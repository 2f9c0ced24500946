"""An index for the lists of drafts, deprecated and retired products that no consumer's page is drawn to.

Over all states, SQLite preferred it to the indexes in the order of names, and then sorted the whole catalogue.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNUSUAL = "state <> 'published'"


def upgrade() -> None:
    op.drop_index("ix_api_product_state_sort_name_id", table_name="api_product")
    op.create_index(
        "ix_api_product_unusual_state_sort_name_id",
        "api_product",
        ["state", "sort_name", "id"],
        sqlite_where=sa.text(UNUSUAL),
        postgresql_where=sa.text(UNUSUAL),
    )


def downgrade() -> None:
    op.drop_index("ix_api_product_unusual_state_sort_name_id", table_name="api_product")
    op.create_index("ix_api_product_state_sort_name_id", "api_product", ["state", "sort_name", "id"])
