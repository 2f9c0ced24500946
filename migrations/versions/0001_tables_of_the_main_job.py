"""Tables of the main job."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def refuse_changes_to_the_record() -> None:
    """Make the database itself refuse to change or delete an audit event; the tests prove it on both databases."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("update", "delete"):
            op.execute(
                f"create trigger audit_event_no_{action} before {action} on audit_event "
                "begin select raise(abort, 'audit events are never changed or deleted'); end"
            )
        return
    op.execute(
        "create function refuse_audit_change() returns trigger language plpgsql as $$ "
        "begin raise exception 'audit events are never changed or deleted'; end $$"
    )
    op.execute(
        "create trigger audit_event_no_change before update or delete on audit_event "
        "for each row execute function refuse_audit_change()"
    )
    op.execute(
        "create trigger audit_event_no_truncate before truncate on audit_event "
        "for each statement execute function refuse_audit_change()"
    )


def allow_changes_to_the_record() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop trigger audit_event_no_change on audit_event")
        op.execute("drop trigger audit_event_no_truncate on audit_event")
        op.execute("drop function refuse_audit_change")
        return
    op.execute("drop trigger audit_event_no_update")
    op.execute("drop trigger audit_event_no_delete")


def upgrade() -> None:
    op.create_table(
        "api_product",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=80), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column(
            "auth_method",
            sa.Enum(
                "oauth2_client_credentials",
                "api_key",
                "basic",
                "custom",
                name="authmethod",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("draft", "published", "deprecated", "retired", name="productstate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("featured", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_product")),
        sa.UniqueConstraint("slug", name=op.f("uq_api_product_slug")),
    )
    with op.batch_alter_table("api_product", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_product_category"), ["category"], unique=False)
        batch_op.create_index("ix_api_product_state_name", ["state", "name", "id"], unique=False)

    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "person.signed_in",
                "person.sign_in_failed",
                "person.signed_out",
                "person.registered",
                "person.email_confirmed",
                "person.password_reset_asked",
                "person.password_changed",
                "person.roles_changed",
                "person.changed",
                "person.deactivated",
                "person.reactivated",
                "person.sessions_ended",
                "person.security_mail_queued",
                "product.created",
                "product.changed",
                "product.state_changed",
                "product.description_added",
                "plan.created",
                "plan.changed",
                "catalogue.created",
                "catalogue.changed",
                "catalogue.deleted",
                "app.created",
                "app.changed",
                "app.deleted",
                "request.submitted",
                "request.stage_opened",
                "request.stage_approved",
                "request.stage_rejected",
                "request.approved",
                "request.rejected",
                "request.withdrawn",
                "access.granted",
                "access.revoked",
                "credential.issued",
                "credential.revealed",
                "credential.rotated",
                "credential.revoked",
                "credential.token_revoked",
                "mail.template_changed",
                "mail.replayed",
                "record.exported",
                name="eventkind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("remote_address", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_actor_id_id", ["actor_id", "id"], unique=False)
        batch_op.create_index("ix_audit_event_kind_id", ["kind", "id"], unique=False)
        batch_op.create_index("ix_audit_event_subject", ["subject_type", "subject_id", "id"], unique=False)

    op.create_table(
        "catalogue",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue")),
        sa.UniqueConstraint("name", name=op.f("uq_catalogue_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_catalogue_slug")),
    )
    op.create_table(
        "mail_template",
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_mail_template")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("name", name=op.f("uq_organisation_name")),
    )
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.create_index(
            "uq_organisation_default",
            ["is_default"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "outbox_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dedup", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum("ready", "leased", "done", "dead", name="messagestate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_by", sa.String(length=80), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_message_attempts_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sa.UniqueConstraint("dedup", name=op.f("uq_outbox_message_dedup")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_message_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            "ix_outbox_message_waiting",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state in ('ready', 'leased')"),
            postgresql_where=sa.text("state in ('ready', 'leased')"),
        )

    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("display_name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quota_requests", sa.Integer(), nullable=True),
        sa.Column("quota_period", sa.String(length=10), nullable=False),
        sa.Column("rate_requests", sa.Integer(), nullable=True),
        sa.Column("rate_seconds", sa.Integer(), nullable=False),
        sa.Column("credential_lifetime_days", sa.Integer(), nullable=True),
        sa.Column("token_lifetime_seconds", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("auto_approve", sa.Boolean(), nullable=False),
        sa.Column("reason_required", sa.Boolean(), nullable=False),
        sa.Column("allowance_requests", sa.Integer(), nullable=True),
        sa.Column("allowance_days", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("active", "closed", "retired", name="planstate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("name", name=op.f("uq_plan_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_plan_slug")),
    )
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=60), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_token")),
    )
    with op.batch_alter_table("revoked_token", schema=None) as batch_op:
        batch_op.create_index("ix_revoked_token_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "role",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "api_description",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("openapi_version", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("api_version", sa.String(length=80), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("operation_count", sa.Integer(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("viewer_json", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["api_product.id"],
            name=op.f("fk_api_description_product_id_api_product"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_description")),
    )
    with op.batch_alter_table("api_description", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_description_product_id"), ["product_id"], unique=False)

    op.create_table(
        "catalogue_plan",
        sa.Column("catalogue_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_id"],
            ["catalogue.id"],
            name=op.f("fk_catalogue_plan_catalogue_id_catalogue"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan.id"], name=op.f("fk_catalogue_plan_plan_id_plan"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("catalogue_id", "plan_id", name=op.f("pk_catalogue_plan")),
    )
    with op.batch_alter_table("catalogue_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_catalogue_plan_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "catalogue_product",
        sa.Column("catalogue_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_id"],
            ["catalogue.id"],
            name=op.f("fk_catalogue_product_catalogue_id_catalogue"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["api_product.id"],
            name=op.f("fk_catalogue_product_product_id_api_product"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("catalogue_id", "product_id", name=op.f("pk_catalogue_product")),
    )
    with op.batch_alter_table("catalogue_product", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_catalogue_product_product_id"), ["product_id"], unique=False)

    op.create_table(
        "portal_user",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_portal_user_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_user")),
        sa.UniqueConstraint("email", name=op.f("uq_portal_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_portal_user_fs_uniquifier")),
    )
    with op.batch_alter_table("portal_user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portal_user_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "cart_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("catalogue_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_id"], ["catalogue.id"], name=op.f("fk_cart_item_catalogue_id_catalogue"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_cart_item_plan_id_plan"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_cart_item_product_id_api_product"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_cart_item_user_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_item")),
        sa.UniqueConstraint("user_id", "product_id", name=op.f("uq_cart_item_user_id_product_id")),
    )
    with op.batch_alter_table("cart_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cart_item_catalogue_id"), ["catalogue_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cart_item_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cart_item_product_id"), ["product_id"], unique=False)

    op.create_table(
        "developer_app",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("redirect_urls", sa.JSON(), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum("personal", "organisation", name="visibility", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_developer_app_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["portal_user.id"], name=op.f("fk_developer_app_owner_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_developer_app")),
    )
    with op.batch_alter_table("developer_app", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_developer_app_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_developer_app_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "product_owner",
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_product_owner_product_id_api_product"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_product_owner_user_id_portal_user")),
        sa.PrimaryKeyConstraint("product_id", "user_id", name=op.f("pk_product_owner")),
    )
    with op.batch_alter_table("product_owner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_product_owner_user_id"), ["user_id"], unique=False)

    op.create_table(
        "user_role",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_user_role_role_id_role")),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_user_role_user_id_portal_user")),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_role")),
    )
    op.create_table(
        "web_session",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_web_session_user_id_portal_user")),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_web_session")),
    )
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_session_seen_at"), ["seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_web_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "credential",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "auth_method",
            sa.Enum(
                "oauth2_client_credentials",
                "api_key",
                "basic",
                "custom",
                name="authmethod",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("client_id", sa.String(length=60), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("secret_hint", sa.String(length=12), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending_reveal", "active", "revoked", "expired", name="credentialstate", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["developer_app.id"], name=op.f("fk_credential_app_id_developer_app")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_credential_plan_id_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("client_id", name=op.f("uq_credential_client_id")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_app_id"), ["app_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credential_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "access_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("requester_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("catalogue_name", sa.String(length=120), nullable=False),
        sa.Column(
            "auth_method",
            sa.Enum(
                "oauth2_client_credentials",
                "api_key",
                "basic",
                "custom",
                name="authmethod",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("credential_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("credential_name", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "approved",
                "rejected",
                "withdrawn",
                "expired",
                name="requeststatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("auto_approved", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["developer_app.id"], name=op.f("fk_access_request_app_id_developer_app")),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_access_request_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_access_request_plan_id_plan")),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["portal_user.id"], name=op.f("fk_access_request_requester_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_request_app_id"), ["app_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_request_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_request_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_request_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index("ix_access_request_requester_id_id", ["requester_id", "id"], unique=False)
        batch_op.create_index(
            "ix_access_request_requester_id_plan_id_submitted_at",
            ["requester_id", "plan_id", "submitted_at"],
            unique=False,
        )
        batch_op.create_index("ix_access_request_status_id", ["status", "id"], unique=False)

    op.create_table(
        "access_grant",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credential_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("active", "revoked", "expired", name="grantstate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["developer_app.id"], name=op.f("fk_access_grant_app_id_developer_app")),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_access_grant_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_access_grant_plan_id_plan")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_access_grant_product_id_api_product")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_access_grant_request_id_access_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_grant_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_grant_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_grant_product_id"), ["product_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_grant_request_id"), ["request_id"], unique=False)
        batch_op.create_index(
            "uq_access_grant_live",
            ["app_id", "product_id"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "access_request_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"], ["developer_app.id"], name=op.f("fk_access_request_item_app_id_developer_app")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_access_request_item_product_id_api_product")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_access_request_item_request_id_access_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request_item")),
    )
    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.create_index(
            "ix_access_request_item_product_id_request_id", ["product_id", "request_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_access_request_item_request_id"), ["request_id"], unique=False)
        batch_op.create_index(
            "uq_access_request_item_open",
            ["app_id", "product_id"],
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        )

    op.create_table(
        "review_stage",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting", "open", "approved", "rejected", "cancelled", name="stagestate", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_review_stage_request_id_access_request")
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["portal_user.id"], name=op.f("fk_review_stage_reviewer_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_stage")),
    )
    with op.batch_alter_table("review_stage", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_stage_request_id"), ["request_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_review_stage_reviewer_id"), ["reviewer_id"], unique=False)
        batch_op.create_index("ix_review_stage_state_request_id", ["state", "request_id"], unique=False)

    op.create_table(
        "stage_assignee",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stage_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["review_stage.id"], name=op.f("fk_stage_assignee_stage_id_review_stage")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["portal_user.id"], name=op.f("fk_stage_assignee_user_id_portal_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_assignee")),
        sa.UniqueConstraint("stage_id", "user_id", name=op.f("uq_stage_assignee_stage_id_user_id")),
    )
    with op.batch_alter_table("stage_assignee", schema=None) as batch_op:
        batch_op.create_index("ix_stage_assignee_user_id_stage_id", ["user_id", "stage_id"], unique=False)

    refuse_changes_to_the_record()


def downgrade() -> None:
    allow_changes_to_the_record()
    with op.batch_alter_table("stage_assignee", schema=None) as batch_op:
        batch_op.drop_index("ix_stage_assignee_user_id_stage_id")

    op.drop_table("stage_assignee")
    with op.batch_alter_table("review_stage", schema=None) as batch_op:
        batch_op.drop_index("ix_review_stage_state_request_id")
        batch_op.drop_index(batch_op.f("ix_review_stage_reviewer_id"))
        batch_op.drop_index(batch_op.f("ix_review_stage_request_id"))

    op.drop_table("review_stage")
    with op.batch_alter_table("access_request_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_access_request_item_open", sqlite_where=sa.text("is_open"), postgresql_where=sa.text("is_open")
        )
        batch_op.drop_index(batch_op.f("ix_access_request_item_request_id"))
        batch_op.drop_index("ix_access_request_item_product_id_request_id")

    op.drop_table("access_request_item")
    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_access_grant_live",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index(batch_op.f("ix_access_grant_request_id"))
        batch_op.drop_index(batch_op.f("ix_access_grant_product_id"))
        batch_op.drop_index(batch_op.f("ix_access_grant_plan_id"))
        batch_op.drop_index(batch_op.f("ix_access_grant_credential_id"))

    op.drop_table("access_grant")
    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.drop_index("ix_access_request_status_id")
        batch_op.drop_index("ix_access_request_requester_id_plan_id_submitted_at")
        batch_op.drop_index("ix_access_request_requester_id_id")
        batch_op.drop_index(batch_op.f("ix_access_request_plan_id"))
        batch_op.drop_index(batch_op.f("ix_access_request_credential_id"))
        batch_op.drop_index(batch_op.f("ix_access_request_batch"))
        batch_op.drop_index(batch_op.f("ix_access_request_app_id"))

    op.drop_table("access_request")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credential_plan_id"))
        batch_op.drop_index(batch_op.f("ix_credential_app_id"))

    op.drop_table("credential")
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_web_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_web_session_seen_at"))

    op.drop_table("web_session")
    op.drop_table("user_role")
    with op.batch_alter_table("product_owner", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_owner_user_id"))

    op.drop_table("product_owner")
    with op.batch_alter_table("developer_app", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_developer_app_owner_id"))
        batch_op.drop_index(batch_op.f("ix_developer_app_organisation_id"))

    op.drop_table("developer_app")
    with op.batch_alter_table("cart_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cart_item_product_id"))
        batch_op.drop_index(batch_op.f("ix_cart_item_plan_id"))
        batch_op.drop_index(batch_op.f("ix_cart_item_catalogue_id"))

    op.drop_table("cart_item")
    with op.batch_alter_table("portal_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portal_user_organisation_id"))

    op.drop_table("portal_user")
    with op.batch_alter_table("catalogue_product", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_catalogue_product_product_id"))

    op.drop_table("catalogue_product")
    with op.batch_alter_table("catalogue_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_catalogue_plan_plan_id"))

    op.drop_table("catalogue_plan")
    with op.batch_alter_table("api_description", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_description_product_id"))

    op.drop_table("api_description")
    op.drop_table("role")
    with op.batch_alter_table("revoked_token", schema=None) as batch_op:
        batch_op.drop_index("ix_revoked_token_expires_at")

    op.drop_table("revoked_token")
    op.drop_table("plan")
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_message_waiting",
            sqlite_where=sa.text("state in ('ready', 'leased')"),
            postgresql_where=sa.text("state in ('ready', 'leased')"),
        )
        batch_op.drop_index("ix_outbox_message_state_id")

    op.drop_table("outbox_message")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_organisation_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("organisation")
    op.drop_table("mail_template")
    op.drop_table("catalogue")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_subject")
        batch_op.drop_index("ix_audit_event_kind_id")
        batch_op.drop_index("ix_audit_event_actor_id_id")

    op.drop_table("audit_event")
    with op.batch_alter_table("api_product", schema=None) as batch_op:
        batch_op.drop_index("ix_api_product_state_name")
        batch_op.drop_index(batch_op.f("ix_api_product_category"))

    op.drop_table("api_product")
