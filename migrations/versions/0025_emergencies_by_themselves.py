"""Requests that came of emergencies, which are few: pages that tell of them need not look through all that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
HERE = sa.text("kind = 'break_glass'")


def upgrade() -> None:
    op.create_index(
        "ix_access_request_emergencies", "access_request", ["kind", "status"], sqlite_where=HERE, postgresql_where=HERE
    )


def downgrade() -> None:
    op.drop_index("ix_access_request_emergencies", "access_request")
