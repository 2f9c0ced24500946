"""Until when an access has to be approved again, and why it was suspended when no person did it."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
AWAITED = sa.text("reapprove_by IS NOT NULL AND state = 'active'")


def upgrade() -> None:
    op.add_column("access_grant", sa.Column("suspended_cause", sa.String(length=40), nullable=True))
    op.add_column("access_grant", sa.Column("reapprove_by", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_access_grant_reapprove_by", "access_grant", ["reapprove_by"], sqlite_where=AWAITED, postgresql_where=AWAITED
    )


def downgrade() -> None:
    op.drop_index("ix_access_grant_reapprove_by", "access_grant")
    with op.batch_alter_table("access_grant") as table:
        table.drop_column("reapprove_by")
        table.drop_column("suspended_cause")
