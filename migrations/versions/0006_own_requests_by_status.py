"""An index that counts a person's own requests by status without reading them."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "ix_access_request_requester_id_status_id"


def upgrade() -> None:
    op.create_index(NAME, "access_request", ["requester_id", "status", "id"])


def downgrade() -> None:
    op.drop_index(NAME, table_name="access_request")
