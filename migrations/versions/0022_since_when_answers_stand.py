"""Since when the answers of a request stand, and from which earlier request they were used again."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_request", sa.Column("answer_origins", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("access_request", "answer_origins")  # alone: a table made anew would give a number twice
