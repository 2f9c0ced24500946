"""Keep the address that a person asked for instead of theirs, with the hash of the link that confirms it.

Plain ALTER TABLE, no copy of the table: others point to it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three columns."""
    op.add_column("portal_user", sa.Column("new_email", sa.String(length=254), nullable=True))
    op.add_column("portal_user", sa.Column("new_email_token_hash", sa.String(length=64), nullable=True))
    op.add_column("portal_user", sa.Column("new_email_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_portal_user_new_email_token_hash", "portal_user", ["new_email_token_hash"], unique=True)


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_portal_user_new_email_token_hash", "portal_user")
    op.drop_column("portal_user", "new_email_asked_at")
    op.drop_column("portal_user", "new_email_token_hash")
    op.drop_column("portal_user", "new_email")
