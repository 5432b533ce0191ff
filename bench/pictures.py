"""Bars on a logarithmic scale as SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

_WIDTH, _LEFT, _ROW, _TOP = 760, 300, 28, 46
_SPAN = _WIDTH - _LEFT - 70


def bars(title: str, unit: str, rows: Sequence[tuple[str, float]]) -> str:
    """Return an SVG with a bar per row on an axis of powers of ten."""
    shown = [(name, value) for name, value in rows if value > 0]
    low = floor(log10(min(value for _, value in shown)))
    high = max(low + 1, ceil(log10(max(value for _, value in shown))))
    height = _TOP + _ROW * len(shown) + 30
    frame = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="16" fill="#1f2328">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        x = _LEFT + _SPAN * (power - low) / (high - low)
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP - 6}" y2="{height - 24}" stroke="#d0d7de"/>')
        label = f"{10.0**power:g} {unit}"
        parts.append(f'<text x="{x:.0f}" y="{height - 8}" text-anchor="middle" fill="#57606a">{label}</text>')
    for number, (name, value) in enumerate(shown):
        y = _TOP + _ROW * number
        width = max(2.0, _SPAN * (log10(value) - low) / (high - low))
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end" fill="#1f2328">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.0f}" height="18" rx="2" fill="#0969da"/>'
            f'<text x="{_LEFT + width + 6:.0f}" y="{y + 16}" fill="#1f2328">{value:.3g}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
