"""Keep the hash of a person's one open password reset, so that a newer link, a use or a sign-in ends it.

Plain ALTER TABLE, no copy of the table: others point to it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns."""
    op.add_column("portal_user", sa.Column("reset_token_hash", sa.String(length=64), nullable=True))
    op.add_column("portal_user", sa.Column("reset_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_portal_user_reset_token_hash", "portal_user", ["reset_token_hash"], unique=True)


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_portal_user_reset_token_hash", "portal_user")
    op.drop_column("portal_user", "reset_asked_at")
    op.drop_column("portal_user", "reset_token_hash")
