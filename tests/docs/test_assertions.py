"""Every test asserts something."""

import pytest
from docs.repository import ROOT
from support.assertions import assertionless_tests, read_sources


def test_every_test_has_an_assertion() -> None:
    sources = read_sources(ROOT / "tests")
    assert any(name.endswith("test_assertions.py") for name in sources)
    assert assertionless_tests(sources) == ()


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("read()", True),
        ("print(1)", True),
        ("assert read() == 1", False),
        ("check()", False),
        ("check_twice()", False),
        ("with pytest.raises(ValueError): read()", False),
    ],
)
def test_a_test_without_an_assertion_is_reported(body: str, *, reported: bool) -> None:
    helpers = "def read():\n    return 1\n\ndef check():\n    assert read() == 1\n\ndef check_twice():\n    check()\n"
    reports = assertionless_tests({"test_a.py": f"{helpers}\ndef test_it():\n    {body}\n"})
    assert reports == (("test_a.py:10: test_it",) if reported else ())
