"""Addresses in text that an attacker may have written → text of which no program makes a link.

Mail programs and chat services make links of bare addresses, and offer no escape. So `http://evil.com/a` becomes
`http[:]//evil[.]com/a`, as analysts write addresses that nobody is to open by accident. Names of files and
classes stay as they are: services make links only of names that end in a top-level domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# The generic domains with most names, and those of attackers' choice: services make links of all that exist.
_GENERIC = """
academy app arpa art asia autos bar beauty best bet biz blog boats bond build buzz cam camp capital care cat center
cfd chat city click cloud club codes coffee com community company coop country cyou date dev digital direct download
edu email energy events exchange expert faith finance fit fun fund games global gov group guru hair help homes host
hosting icu inc info ink int jobs land lat life limited link live loan lol loans ltd makeup market marketing media men
mil mobi mom money monster motorcycles mov museum name net network news ninja online org page partners party photos
pics plus post press pro pub quest racing realty rent report rest review reviews rocks run sale sbs school science
security services shop shopping show site skin social software solutions space storage store stream studio support
surf systems tattoo team tech tel today tokyo tools top town trade training travel vin vip wang watch webcam website
wiki win work works world wtf xin xyz yachts zip zone
""".split()
_NO_COUNTRIES = "cs db gz js vb xz"  # endings of files with two letters that are no top-level domains
_TOP = rf"(?!(?:{'|'.join(_NO_COUNTRIES.split())})\b)[a-z]{{2}}|xn--[a-z0-9-]+|[^\W\d_a-z][\w-]*|{'|'.join(_GENERIC)}"
_WWW = re.compile(r"\bwww\.", re.IGNORECASE)
_SHARE = re.compile(r"(?<![\w\\:])\\\\(?=[\w.-]+\\)")  # `\\host\share`
_SCHEME = re.compile(r"(?<=[a-z0-9+.-]):(?=//)", re.IGNORECASE)
_NAME = re.compile(rf"(?<=[\w-])\.(?=(?:{_TOP})(?![\w-]|\[?\.\]?\w))", re.IGNORECASE)


def defang(text: str, fields: Iterable[str] = ()) -> str:
    """Write addresses so that no program makes links of them.

    `fields` are names that settings give, e.g. `host.name`: where one stands before `=` or `:`, it stays as it is.
    """
    text = _SHARE.sub(r"[\\\\]", _WWW.sub(_bracketed_dot, _SCHEME.sub("[:]", text)))
    names = sorted(map(re.escape, filter(None, fields)), key=len, reverse=True)
    if not names:
        return _NAME.sub("[.]", text)
    parts = re.split(rf"(?<![\w.-])({'|'.join(names)})(?= ?[=:])", text)  # the names are at odd places
    return "".join(part if place % 2 else _NAME.sub("[.]", part) for place, part in enumerate(parts))


def _bracketed_dot(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}[.]"
