"""Request forms: versioned definitions, who asks which, what people have begun to fill in, and the files they hand in.

What was activated and what was handed in stays as it was: triggers hold to that, whoever writes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WRITE_ONCE = (
    ("stored_file", "update", "", "the bytes of a file never change"),
    ("attachment", "update", "old.sealed_at is not null", "a file that was handed in with a request never changes"),
    ("attachment", "delete", "old.sealed_at is not null", "a file that was handed in with a request stays"),
    ("form_definition", "update of key, version, name, fields", "old.state <> 'draft'", "this version never changes"),
    ("form_definition", "delete", "old.state <> 'draft'", "a version that was active stays"),
)


def upgrade() -> None:
    op.create_table(
        "form_definition",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("product_id", KEY, nullable=True),
        sa.Column("plan_id", KEY, nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("made_by_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("product_id is null or plan_id is null", name=op.f("ck_form_definition_of_one_thing")),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["api_product.id"],
            name=op.f("fk_form_definition_product_id_api_product"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan.id"], name=op.f("fk_form_definition_plan_id_plan"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["portal_user.id"], name=op.f("fk_form_definition_made_by_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_definition")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_form_definition_key_version")),
    )
    op.create_index("ix_form_definition_product_id", "form_definition", ["product_id"])
    op.create_index("ix_form_definition_plan_id", "form_definition", ["plan_id"])
    for state in ("active", "draft"):
        only = sa.text(f"state = '{state}'")
        op.create_index(
            f"uq_form_definition_{state}",
            "form_definition",
            ["key"],
            unique=True,
            sqlite_where=only,
            postgresql_where=only,
        )
    op.create_table(
        "form_use",
        sa.Column("id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=True),
        sa.Column("plan_id", KEY, nullable=True),
        sa.Column("form_key", sa.String(length=40), nullable=False),
        sa.CheckConstraint("(product_id is null) <> (plan_id is null)", name=op.f("ck_form_use_by_one_thing")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["api_product.id"], name=op.f("fk_form_use_product_id_api_product"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_form_use_plan_id_plan"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_use")),
        sa.UniqueConstraint("product_id", name=op.f("uq_form_use_product_id")),
        sa.UniqueConstraint("plan_id", name=op.f("uq_form_use_plan_id")),
    )
    op.create_index("ix_form_use_form_key", "form_use", ["form_key"])
    op.create_table(
        "form_draft",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("typed", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["portal_user.id"], name=op.f("fk_form_draft_user_id_portal_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_draft")),
        sa.UniqueConstraint("user_id", name=op.f("uq_form_draft_user_id")),
    )
    op.create_table(
        "stored_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_stored_file")),
    )
    op.create_table(
        "attachment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("replaces_id", KEY, nullable=True),
        sa.Column("uploader_id", KEY, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["stored_file.sha256"], name=op.f("fk_attachment_sha256_stored_file")),
        sa.ForeignKeyConstraint(["replaces_id"], ["attachment.id"], name=op.f("fk_attachment_replaces_id_attachment")),
        sa.ForeignKeyConstraint(
            ["uploader_id"], ["portal_user.id"], name=op.f("fk_attachment_uploader_id_portal_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_attachment_replaces_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attachment_sha256", "attachment", ["sha256"])
    op.create_index("ix_attachment_uploader_id", "attachment", ["uploader_id"])
    refuse_changes()


def downgrade() -> None:
    for table in ("attachment", "stored_file", "form_draft", "form_use", "form_definition"):
        op.drop_table(table)  # and its triggers with it
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function refuse_form_change")


def refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, deed, when, message in WRITE_ONCE:
            op.execute(
                f"create trigger {name_of(table, deed)} before {deed} on {table} "
                f"{f'when {when} ' if when else ''}begin select raise(abort, '{message}'); end"
            )
        return
    op.execute(
        "create function refuse_form_change() returns trigger language plpgsql as $$ "
        "begin raise exception '%', tg_argv[0]; end $$"
    )
    for table, deed, when, message in WRITE_ONCE:
        op.execute(
            f"create trigger {name_of(table, deed)} before {deed} on {table} for each row "
            f"{f'when ({when}) ' if when else ''}execute function refuse_form_change('{message}')"
        )


def name_of(table: str, deed: str) -> str:
    return f"{table}_no_{deed.split(maxsplit=1)[0]}"
