"""The large columns of a description go behind all others, where SQLite does not wade through them.

SQLite reads a row from its front: for a column that stands behind eight megabytes of document, it follows the chain of
pages that hold them. Column by column, and not by making the table anew: dropping it would empty api_operation with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LARGE = {"search_text": sa.Text(), "raw": sa.LargeBinary(), "viewer_json": sa.LargeBinary()}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL keeps what is large beside the row
    for name, kind in LARGE.items():
        empty = sa.text("''") if isinstance(kind, sa.Text) else sa.text("x''")
        op.add_column("api_description", sa.Column(f"{name}_moved", kind, nullable=False, server_default=empty))
        op.execute(f"update api_description set {name}_moved = {name}")
        op.execute(f"alter table api_description drop column {name}")
        op.execute(f"alter table api_description rename column {name}_moved to {name}")


def downgrade() -> None:
    """The order of columns is of no consequence to older code."""
