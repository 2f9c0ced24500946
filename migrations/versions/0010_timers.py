"""Timers that fire once, business calendars, and the alarm of a stage that nobody can answer."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "timer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
        sa.UniqueConstraint(
            "subject_type", "subject_id", "kind", "nth", name=op.f("uq_timer_subject_type_subject_id_kind_nth")
        ),
    )
    op.create_index("ix_timer_state_due_at", "timer", ["state", "due_at"])
    op.create_table(
        "business_calendar",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("days", sa.JSON(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_calendar")),
        sa.UniqueConstraint("key", name=op.f("uq_business_calendar_key")),
        sa.UniqueConstraint("name", name=op.f("uq_business_calendar_name")),
    )
    op.add_column("review_stage", sa.Column("alarm", sa.String(length=300), nullable=False, server_default=""))
    op.create_index(
        "ix_review_stage_alarm",
        "review_stage",
        ["id"],
        sqlite_where=sa.text("alarm <> ''"),
        postgresql_where=sa.text("alarm <> ''"),
    )


def downgrade() -> None:
    op.drop_index("ix_review_stage_alarm", "review_stage")
    op.drop_column("review_stage", "alarm")
    op.drop_table("business_calendar")
    op.drop_index("ix_timer_state_due_at", "timer")
    op.drop_table("timer")
