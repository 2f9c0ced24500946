"""The legal basis on which the data behind a product is processed, and the regions where it is kept and processed."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_product", sa.Column("legal_basis", sa.String(length=40), nullable=True))
    op.add_column("api_product", sa.Column("regions", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("api_product") as table:
        table.drop_column("regions")
        table.drop_column("legal_basis")
