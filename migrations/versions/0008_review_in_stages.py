"""Review in several stages: groups, reviews, recorded decisions, environments, and who waits for what.

What was asked for and granted before counts as production: that is the stricter reading.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OWNER_STAGE = '{"kind": "approval", "sources": [{"kind": "owners"}], "fallback": [{"kind": "role", "role": "api_owner"}], "quorum": {"n": 1, "mode": "total"}}'


def upgrade() -> None:
    op.create_table(
        "policy_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("approver_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["portal_user.id"], name=op.f("fk_policy_version_approver_id_portal_user")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["portal_user.id"], name=op.f("fk_policy_version_author_id_portal_user")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["api_product.id"],
            name=op.f("fk_policy_version_product_id_api_product"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("scope", "number", name=op.f("uq_policy_version_scope_number")),
    )
    op.create_index(op.f("ix_policy_version_product_id"), "policy_version", ["product_id"])
    op.create_index(
        "uq_policy_version_active",
        "policy_version",
        ["scope"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "stage_template",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["portal_user.id"], name=op.f("fk_stage_template_changed_by_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_template")),
        sa.UniqueConstraint("key", name=op.f("uq_stage_template_key")),
    )
    op.create_table(
        "delegation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("from_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["from_id"], ["portal_user.id"], name=op.f("fk_delegation_from_id_portal_user")),
        sa.ForeignKeyConstraint(["to_id"], ["portal_user.id"], name=op.f("fk_delegation_to_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index(op.f("ix_delegation_from_id"), "delegation", ["from_id"])
    op.create_index("ix_delegation_to_id_ends_at", "delegation", ["to_id", "ends_at"])
    op.create_table(
        "clarification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stage_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["portal_user.id"], name=op.f("fk_clarification_answered_by_id_portal_user")
        ),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["portal_user.id"], name=op.f("fk_clarification_asked_by_id_portal_user")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_clarification_request_id_access_request")
        ),
        sa.ForeignKeyConstraint(["stage_id"], ["review_stage.id"], name=op.f("fk_clarification_stage_id_review_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clarification")),
    )
    op.create_index(op.f("ix_clarification_request_id"), "clarification", ["request_id"])
    op.create_index(
        "uq_clarification_open",
        "clarification",
        ["stage_id", "asked_by_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "reviewer_group",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer_group")),
        sa.UniqueConstraint("key", name=op.f("uq_reviewer_group_key")),
        sa.UniqueConstraint("name", name=op.f("uq_reviewer_group_name")),
    )
    op.create_table(
        "group_member",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["reviewer_group.id"],
            name=op.f("fk_group_member_group_id_reviewer_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_group_member_user_id_portal_user")),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_member")),
    )
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_member_user_id"), ["user_id"], unique=False)

    op.create_table(
        "policy_decision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.String(length=120), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("matched", sa.JSON(), nullable=False),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_policy_decision_request_id_access_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_decision")),
        sa.UniqueConstraint("request_id", "revision", name=op.f("uq_policy_decision_request_id_revision")),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stage_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("principal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "verdict", sa.Enum("approve", "reject", name="verdict", native_enum=False, length=40), nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("step_up_method", sa.String(length=20), nullable=False),
        sa.Column("step_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by_revision", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["principal_id"], ["portal_user.id"], name=op.f("fk_review_principal_id_portal_user")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["portal_user.id"], name=op.f("fk_review_reviewer_id_portal_user")),
        sa.ForeignKeyConstraint(["stage_id"], ["review_stage.id"], name=op.f("fk_review_stage_id_review_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_reviewer_id"), ["reviewer_id"], unique=False)
        batch_op.create_index(
            "uq_review_live_principal",
            ["stage_id", "principal_id"],
            unique=True,
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )
        batch_op.create_index(
            "uq_review_live_reviewer",
            ["stage_id", "reviewer_id"],
            unique=True,
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )

    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "environment",
                sa.Enum("dev", "test", "prod", name="environment", native_enum=False, length=40),
                nullable=False,
                server_default="prod",
            )
        )
        batch_op.add_column(sa.Column("conditions", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.drop_index("uq_access_grant_live")
        batch_op.create_index(
            "uq_access_grant_live",
            ["app_id", "product_id", "environment"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum("new", "break_glass", name="requestkind", native_enum=False, length=40),
                nullable=False,
                server_default="new",
            )
        )
        batch_op.add_column(
            sa.Column(
                "environment",
                sa.Enum("dev", "test", "prod", name="environment", native_enum=False, length=40),
                nullable=False,
                server_default="prod",
            )
        )
        batch_op.add_column(sa.Column("answers", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("form_ids", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("ends_on", sa.Date(), nullable=True))

    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "environment",
                sa.Enum("dev", "test", "prod", name="environment", native_enum=False, length=40),
                nullable=False,
                server_default="prod",
            )
        )
        batch_op.add_column(sa.Column("approved_scopes", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("declined", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("declined_because", sa.Text(), nullable=False, server_default=""))
        batch_op.drop_index("uq_access_request_item_open")
        batch_op.create_index(
            "uq_access_request_item_open",
            ["app_id", "product_id", "environment"],
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        )

    op.add_column(
        "api_product",
        sa.Column(
            "classification",
            sa.Enum(
                "public", "internal", "confidential", "restricted", name="classification", native_enum=False, length=40
            ),
            nullable=False,
            server_default="internal",
        ),
    )
    op.add_column(
        "api_product", sa.Column("environments", sa.JSON(), nullable=False, server_default='["dev", "test", "prod"]')
    )
    op.add_column("api_product", sa.Column("zone", sa.String(length=60), nullable=False, server_default="UTC"))

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "environment",
                sa.Enum("dev", "test", "prod", name="environment", native_enum=False, length=40),
                nullable=False,
                server_default="prod",
            )
        )

    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum("internal", "partner", "vendor", name="organisationkind", native_enum=False, length=40),
                nullable=False,
                server_default="internal",
            )
        )
        batch_op.add_column(
            sa.Column("sponsor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key("fk_organisation_sponsor_id_portal_user", "portal_user", ["sponsor_id"], ["id"])

    with op.batch_alter_table("review_stage", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum("approval", "task", name="stagekind", native_enum=False, length=40),
                nullable=False,
                server_default="approval",
            )
        )
        batch_op.add_column(sa.Column("template", sa.JSON(), nullable=False, server_default=OWNER_STAGE))
        batch_op.add_column(sa.Column("product_ids", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("claimed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("added_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_review_stage_claimed_by_id_portal_user"), "portal_user", ["claimed_by_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_review_stage_added_by_id_portal_user"), "portal_user", ["added_by_id"], ["id"]
        )

    with op.batch_alter_table("stage_assignee", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("via", sa.Text(), nullable=False, server_default="owners"))
        batch_op.add_column(
            sa.Column(
                "state",
                sa.Enum(
                    "active", "recused", "reassigned", "ineligible", name="assigneestate", native_enum=False, length=40
                ),
                nullable=False,
                server_default="active",
            )
        )
        batch_op.add_column(sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index("ix_stage_assignee_user_id_request_id", ["user_id", "request_id"], unique=False)
        batch_op.create_index(
            "ix_stage_assignee_waits",
            ["user_id", "request_id"],
            unique=False,
            sqlite_where=sa.text("waits"),
            postgresql_where=sa.text("waits"),
        )

    op.execute(
        "update stage_assignee set request_id = (select request_id from review_stage where id = stage_id), "
        "waits = exists (select 1 from review_stage where id = stage_id and state = 'open')"
    )
    with op.batch_alter_table("stage_assignee", schema=None) as batch_op:
        batch_op.alter_column("request_id", nullable=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_stage_assignee_request_id_access_request"), "access_request", ["request_id"], ["id"]
        )


def downgrade() -> None:
    op.drop_table("clarification")
    op.drop_table("delegation")
    op.drop_table("stage_template")
    op.drop_table("policy_version")
    with op.batch_alter_table("stage_assignee", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_stage_assignee_request_id_access_request"), type_="foreignkey")
        batch_op.drop_index("ix_stage_assignee_waits", sqlite_where=sa.text("waits"), postgresql_where=sa.text("waits"))
        batch_op.drop_index("ix_stage_assignee_user_id_request_id")
        batch_op.drop_column("reason")
        batch_op.drop_column("waits")
        batch_op.drop_column("state")
        batch_op.drop_column("via")
        batch_op.drop_column("request_id")

    with op.batch_alter_table("review_stage", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_review_stage_added_by_id_portal_user"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_review_stage_claimed_by_id_portal_user"), type_="foreignkey")
        batch_op.drop_column("added_by_id")
        batch_op.drop_column("claimed_by_id")
        batch_op.drop_column("escalated_at")
        batch_op.drop_column("paused_at")
        batch_op.drop_column("due_at")
        batch_op.drop_column("product_ids")
        batch_op.drop_column("template")
        batch_op.drop_column("kind")

    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_constraint("fk_organisation_sponsor_id_portal_user", type_="foreignkey")
        batch_op.drop_column("sponsor_id")
        batch_op.drop_column("kind")

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_column("environment")

    with op.batch_alter_table("api_product", schema=None) as batch_op:
        batch_op.drop_column("zone")
        batch_op.drop_column("environments")
        batch_op.drop_column("classification")

    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_access_request_item_open", sqlite_where=sa.text("is_open"), postgresql_where=sa.text("is_open")
        )
        batch_op.create_index(
            batch_op.f("uq_access_request_item_open"),
            ["app_id", "product_id"],
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        )
        batch_op.drop_column("declined_because")
        batch_op.drop_column("declined")
        batch_op.drop_column("approved_scopes")
        batch_op.drop_column("environment")

    with op.batch_alter_table("access_request", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_column("ends_on")
        batch_op.drop_column("revision")
        batch_op.drop_column("form_ids")
        batch_op.drop_column("answers")
        batch_op.drop_column("environment")
        batch_op.drop_column("kind")

    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_access_grant_live",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.create_index(
            batch_op.f("uq_access_grant_live"),
            ["app_id", "product_id"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_column("conditions")
        batch_op.drop_column("environment")

    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_review_live_reviewer",
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )
        batch_op.drop_index(
            "uq_review_live_principal",
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_review_reviewer_id"))

    op.drop_table("review")
    op.drop_table("policy_decision")
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_member_user_id"))

    op.drop_table("group_member")
    op.drop_table("reviewer_group")
