"""Requests that people have decided, by plan and environment: how long such requests take is read from the latest."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
HERE = sa.text("NOT auto_approved AND status IN ('approved', 'rejected')")


def upgrade() -> None:
    op.create_index(
        "ix_access_request_answered",
        "access_request",
        ["plan_id", "environment", "id"],
        sqlite_where=HERE,
        postgresql_where=HERE,
    )


def downgrade() -> None:
    op.drop_index("ix_access_request_answered", "access_request")
