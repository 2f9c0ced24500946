"""Who wrote a policy, changes that wait for a second person, the version of an API that is asked for, lost questions.

Whoever is on record for a draft or a change of a policy version counts as one who wrote it. Questions that stayed open
when their stage had ended are closed as their stage was.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("state = 'waiting'")
WRITERS = """
    SELECT subject_id, actor_id FROM audit_event
    WHERE subject_type = 'policy_version' AND kind IN ('policy.drafted', 'policy.changed') AND actor_id IS NOT NULL
"""
CLOSE_LOST_QUESTIONS = """
    UPDATE clarification SET
      state = CASE WHEN (SELECT s.state FROM review_stage s WHERE s.id = clarification.stage_id) = 'expired'
              THEN 'expired' ELSE 'withdrawn' END,
      closed_at = COALESCE(
        (SELECT r.decided_at FROM access_request r WHERE r.id = clarification.request_id), asked_at)
    WHERE state = 'open' AND stage_id IN (
      SELECT id FROM review_stage WHERE state IN ('approved', 'rejected', 'expired', 'cancelled', 'skipped'))
"""


def upgrade() -> None:
    with op.batch_alter_table("policy_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("writers", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("api_version", sa.String(length=80), nullable=False, server_default=""))
    with op.batch_alter_table("api_description", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retires_on", sa.Date(), nullable=True))
    op.create_table(
        "proposed_change",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("plan_id", KEY, nullable=True),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("asked_by_id", KEY, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("answered_by_id", KEY, nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_proposed_change_plan_id_plan")),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_proposed_change_user_id_portal_user")),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["portal_user.id"], name=op.f("fk_proposed_change_asked_by_id_portal_user")
        ),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["portal_user.id"], name=op.f("fk_proposed_change_answered_by_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposed_change")),
    )
    for subject in ("plan", "user"):
        op.create_index(
            f"uq_proposed_change_waiting_{subject}",
            "proposed_change",
            [f"{subject}_id"],
            unique=True,
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        )
    _name_the_writers()
    op.execute(CLOSE_LOST_QUESTIONS)


def downgrade() -> None:
    op.drop_table("proposed_change")
    with op.batch_alter_table("api_description", schema=None) as batch_op:
        batch_op.drop_column("retires_on")
    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.drop_column("api_version")
    with op.batch_alter_table("policy_version", schema=None) as batch_op:
        batch_op.drop_column("writers")


def _name_the_writers() -> None:
    connection = op.get_bind()
    writers: dict[int, set[int]] = {}
    for version_id, author_id in connection.execute(sa.text("SELECT id, author_id FROM policy_version")):
        writers[version_id] = {author_id}
    for version_id, actor_id in connection.execute(sa.text(WRITERS)):
        if version_id in writers:
            writers[version_id].add(actor_id)
    versions = sa.table("policy_version", sa.column("id", KEY), sa.column("writers", sa.JSON))
    for version_id, people in writers.items():
        connection.execute(versions.update().where(versions.c.id == version_id).values(writers=sorted(people)))
