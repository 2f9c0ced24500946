"""Emergency access: envelopes, who may use them, and who may not any more."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "break_glass_envelope",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "environment",
            sa.Enum("dev", "test", "prod", name="environment", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("most_minutes", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["portal_user.id"], name=op.f("fk_break_glass_envelope_created_by_id_portal_user")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_break_glass_envelope_plan_id_plan")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_break_glass_envelope_product_id_api_product")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass_envelope")),
    )
    with op.batch_alter_table("break_glass_envelope", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_break_glass_envelope_product_id"), ["product_id"], unique=False)

    op.create_table(
        "break_glass_person",
        sa.Column("envelope_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["envelope_id"],
            ["break_glass_envelope.id"],
            name=op.f("fk_break_glass_person_envelope_id_break_glass_envelope"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["portal_user.id"], name=op.f("fk_break_glass_person_user_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("envelope_id", "user_id", name=op.f("pk_break_glass_person")),
    )
    with op.batch_alter_table("break_glass_person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_break_glass_person_user_id"), ["user_id"], unique=False)

    op.create_table(
        "break_glass_bar",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_break_glass_bar_request_id_access_request")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_break_glass_bar_user_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass_bar")),
        sa.UniqueConstraint("user_id", "request_id", name=op.f("uq_break_glass_bar_user_id_request_id")),
    )


def downgrade() -> None:
    op.drop_table("break_glass_bar")
    with op.batch_alter_table("break_glass_person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_break_glass_person_user_id"))

    op.drop_table("break_glass_person")
    with op.batch_alter_table("break_glass_envelope", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_break_glass_envelope_product_id"))

    op.drop_table("break_glass_envelope")
