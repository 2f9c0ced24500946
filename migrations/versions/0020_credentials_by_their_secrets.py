"""Credentials by the hash of a secret: a gateway that is sent an API key knows nothing else of it."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_credential_secret_hash", "credential", ["secret_hash"])
    op.create_index("ix_credential_retiring_hash", "credential", ["retiring_hash"])


def downgrade() -> None:
    op.drop_index("ix_credential_retiring_hash", "credential")
    op.drop_index("ix_credential_secret_hash", "credential")
