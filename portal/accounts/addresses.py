"""Mail addresses in their one normal form, so that A@x and a@x are one account."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from portal.errors import Invalid

LONGEST = 254


def normal_address(text: str) -> str:
    """The address in lower case, its domain as ASCII. Raises Invalid when it is not one plain address.

    Only the form is checked: a look-up in the DNS would be a network call inside a request. Letters beyond ASCII
    before the @ are refused, since look-alikes of somebody else's address would pass.
    """
    try:
        if len(text) > LONGEST:
            raise EmailNotValidError
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise Invalid("That is not a usable mail address.", field="email") from None
    return str(found.ascii_email).lower()
