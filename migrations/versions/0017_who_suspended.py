"""Whether an app's own people suspended an access: what others have suspended, they cannot resume."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "access_grant", sa.Column("suspended_by_app", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    with op.batch_alter_table("access_grant") as table:
        table.drop_column("suspended_by_app")
