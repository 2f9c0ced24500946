"""What waits for a person, by an index that SQLite takes: its condition is written as queries write it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_stage_assignee_waits", "stage_assignee"


def upgrade() -> None:
    op.drop_index(NAME, TABLE)
    columns = ["user_id", "waits", "request_id"]
    op.create_index(NAME, TABLE, columns, sqlite_where=sa.text("waits = 1"), postgresql_where=sa.text("waits"))


def downgrade() -> None:
    op.drop_index(NAME, TABLE)
    columns = ["user_id", "request_id"]
    op.create_index(NAME, TABLE, columns, sqlite_where=sa.text("waits"), postgresql_where=sa.text("waits"))
