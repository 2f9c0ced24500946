"""What becomes of access: terms, suspension, renewal, two secrets at a time, certificates, registration, leaks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACTIVE = sa.text("state = 'active'")
HELD = sa.text("state IN ('active', 'suspended')")
OPEN = sa.text("state IN ('published', 'deprecated')")


def upgrade() -> None:
    op.create_table(
        "terms_of_use",
        sa.Column("id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_terms_of_use_product_id_api_product")
        ),
        sa.ForeignKeyConstraint(
            ["published_by_id"], ["portal_user.id"], name=op.f("fk_terms_of_use_published_by_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms_of_use")),
        sa.UniqueConstraint("product_id", "number", name=op.f("uq_terms_of_use_product_id_number")),
    )
    op.create_table(
        "app_certificate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("app_id", KEY, nullable=False),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["developer_app.id"], name=op.f("fk_app_certificate_app_id_developer_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_certificate")),
        sa.UniqueConstraint("app_id", "thumbprint", name=op.f("uq_app_certificate_app_id_thumbprint")),
    )
    op.create_table(
        "initial_access_token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("token_hint", sa.String(length=12), nullable=False),
        sa.Column("made_by_id", KEY, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_initial_access_token_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["portal_user.id"], name=op.f("fk_initial_access_token_made_by_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_initial_access_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_initial_access_token_token_hash")),
    )
    with op.batch_alter_table("initial_access_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_initial_access_token_credential_id"), ["credential_id"], unique=False)

    op.create_table(
        "leak_report",
        sa.Column("id", KEY, nullable=False),
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("reporter", sa.String(length=120), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column(
            "action", sa.Enum("revoke", "rotate", name="leakaction", native_enum=False, length=40), nullable=False
        ),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_leak_report_credential_id_credential")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leak_report")),
        sa.UniqueConstraint("credential_id", "secret_hash", name=op.f("uq_leak_report_credential_id_secret_hash")),
    )
    op.create_table(
        "registered_client",
        sa.Column("id", KEY, nullable=False),
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("auth_method", sa.String(length=40), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_registered_client_credential_id_credential")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registered_client")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_registered_client_credential_id")),
    )
    op.create_table(
        "terms_receipt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("credential_id", KEY, nullable=False),
        sa.Column("terms_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_terms_receipt_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["portal_user.id"], name=op.f("fk_terms_receipt_person_id_portal_user")),
        sa.ForeignKeyConstraint(["terms_id"], ["terms_of_use.id"], name=op.f("fk_terms_receipt_terms_id_terms_of_use")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms_receipt")),
        sa.UniqueConstraint("credential_id", "terms_id", name=op.f("uq_terms_receipt_credential_id_terms_id")),
    )
    with op.batch_alter_table("terms_receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_terms_receipt_terms_id"), ["terms_id"], unique=False)

    op.create_table(
        "scope_use",
        sa.Column("id", KEY, nullable=False),
        sa.Column("grant_id", KEY, nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_scope_use_grant_id_access_grant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope_use")),
        sa.UniqueConstraint("grant_id", "scope", name=op.f("uq_scope_use_grant_id_scope")),
    )
    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("terms", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("terms_hash", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("renews_id", KEY, nullable=True))
        batch_op.add_column(sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("suspended_reason", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_access_grant_renews_id"), ["renews_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_access_grant_renews_id_access_grant"), "access_grant", ["renews_id"], ["id"]
        )
        batch_op.drop_index("uq_access_grant_live")
        batch_op.create_index(
            "uq_access_grant_live",
            ["app_id", "product_id", "environment"],
            unique=True,
            sqlite_where=HELD,
            postgresql_where=HELD,
        )

    with op.batch_alter_table("api_product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retires_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("successor_id", KEY, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_api_product_successor_id_api_product"), "api_product", ["successor_id"], ["id"]
        )
    if op.get_bind().dialect.name == "sqlite":
        # The table was built anew, with its indexes in another order, by which SQLite chooses where two are as good.
        op.drop_index("ix_api_product_open_sort_name_id", table_name="api_product")
        op.create_index("ix_api_product_open_sort_name_id", "api_product", ["sort_name", "id"], sqlite_where=OPEN)

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.add_column(sa.Column("secret_made_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("secret_used_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("retiring_hash", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("retiring_hint", sa.String(length=12), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("retiring_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("retiring_used_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("parent_id", KEY, nullable=True))
        batch_op.create_index(batch_op.f("ix_credential_parent_id"), ["parent_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_credential_parent_id_credential"), "credential", ["parent_id"], ["id"]
        )

    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rotate_every_days", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("overlap_days", sa.Integer(), server_default="7", nullable=False))
        batch_op.add_column(
            sa.Column(
                "leak_action",
                sa.Enum("revoke", "rotate", name="leakaction", native_enum=False, length=40),
                server_default="revoke",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("retires_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("successor_id", KEY, nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_plan_successor_id_plan"), "plan", ["successor_id"], ["id"])
    op.execute("UPDATE credential SET secret_made_at = revealed_at, secret_used_at = last_used_at")


def downgrade() -> None:
    op.execute("UPDATE access_grant SET state = 'revoked' WHERE state IN ('suspended', 'superseded')")
    op.execute("UPDATE access_request SET kind = 'new' WHERE kind IN ('renewal', 'plan_change')")
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_plan_successor_id_plan"), type_="foreignkey")
        batch_op.drop_column("successor_id")
        batch_op.drop_column("retires_on")
        batch_op.drop_column("leak_action")
        batch_op.drop_column("overlap_days")
        batch_op.drop_column("rotate_every_days")

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_credential_parent_id_credential"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_credential_parent_id"))
        batch_op.drop_column("parent_id")
        batch_op.drop_column("retiring_used_at")
        batch_op.drop_column("retiring_until")
        batch_op.drop_column("retiring_hint")
        batch_op.drop_column("retiring_hash")
        batch_op.drop_column("secret_used_at")
        batch_op.drop_column("secret_made_at")

    with op.batch_alter_table("api_product", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_api_product_successor_id_api_product"), type_="foreignkey")
        batch_op.drop_column("successor_id")
        batch_op.drop_column("retires_on")

    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.drop_index("uq_access_grant_live")
        batch_op.create_index(
            "uq_access_grant_live",
            ["app_id", "product_id", "environment"],
            unique=True,
            sqlite_where=ACTIVE,
            postgresql_where=ACTIVE,
        )
        batch_op.drop_constraint(batch_op.f("fk_access_grant_renews_id_access_grant"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_access_grant_renews_id"))
        batch_op.drop_column("suspended_reason")
        batch_op.drop_column("suspended_at")
        batch_op.drop_column("last_used_at")
        batch_op.drop_column("renews_id")
        batch_op.drop_column("terms_hash")
        batch_op.drop_column("terms")

    op.drop_table("scope_use")
    with op.batch_alter_table("terms_receipt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_terms_receipt_terms_id"))

    op.drop_table("terms_receipt")
    op.drop_table("registered_client")
    op.drop_table("leak_report")
    with op.batch_alter_table("initial_access_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_initial_access_token_credential_id"))

    op.drop_table("initial_access_token")
    op.drop_table("app_certificate")
    op.drop_table("terms_of_use")
