"""Mail addresses as SMTP needs them: domains in their ASCII form (IDNA)."""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import parseaddr

import idna


def ascii_domain(domain: str) -> str:
    """Return a domain in its ASCII form, e.g. `xn--bcher-kva.example`; raises ValueError where it has none."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"`{domain}` is not a domain: {error}") from error


def mail_address(text: str) -> Address:
    """Return an address of settings with an ASCII domain; raises ValueError where it is none."""
    if "\r" in text or "\n" in text:
        raise ValueError("it contains a line break")
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        raise ValueError(f"`{text}` is not a mail address")
    return Address(display_name=name, username=local.strip('"'), domain=ascii_domain(domain))


def needs_utf8(address: Address) -> bool:
    """Whether only servers with SMTPUTF8 accept the address: its part before the `@` is not ASCII."""
    return not address.username.isascii()
