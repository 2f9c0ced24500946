"""A person's mark is looked up by a plain index.

A unique one made each change of it, and so each closed account and each change of roles, wait for everybody who had
just written a row that refers to the person; they could wait for each other (PostgreSQL). The marks are random: none
comes twice.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
MARK, TOKEN = "ix_portal_user_fs_uniquifier", "ix_portal_user_new_email_token_hash"


def upgrade() -> None:
    with op.batch_alter_table("portal_user") as table:
        table.drop_constraint("uq_portal_user_fs_uniquifier", type_="unique")
    op.create_index(MARK, "portal_user", ["fs_uniquifier"])
    op.drop_index(TOKEN, "portal_user")
    op.create_index(TOKEN, "portal_user", ["new_email_token_hash"])


def downgrade() -> None:
    op.drop_index(TOKEN, "portal_user")
    op.create_index(TOKEN, "portal_user", ["new_email_token_hash"], unique=True)
    op.drop_index(MARK, "portal_user")
    with op.batch_alter_table("portal_user") as table:
        table.create_unique_constraint("uq_portal_user_fs_uniquifier", ["fs_uniquifier"])
