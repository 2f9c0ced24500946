"""Filters of the queue that people keep, and an index by which what is late is found."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN_DUE = "ix_review_stage_open_due_at"


def upgrade() -> None:
    op.create_table(
        "saved_filter",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_saved_filter_user_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_saved_filter_user_id_name")),
    )
    where = sa.text("state = 'open'")
    op.create_index(OPEN_DUE, "review_stage", ["due_at", "request_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index(OPEN_DUE, "review_stage")
    op.drop_table("saved_filter")
