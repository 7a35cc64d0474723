"""The plots of RESULTS.md as SVG, written by hand so that nothing need be installed."""
import math
from html import escape

COLOURS = ["#0b61a4", "#d1541a", "#2b7a2b", "#7a3a8c", "#8a6d00", "#555555"]
STYLE = 'font-family="DejaVu Sans, Arial, sans-serif" fill="#222"'


def text(x, y, words, size=12, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {STYLE} {extra}>{escape(words)}</text>'


def bars(title, groups, unit):
    """Horizontal bars on a logarithmic axis. `groups`: [(heading, [(label, value, is ours, target or None)])]. A target is a mark."""
    rows = sum(len(g) for _, g in groups) + len(groups)
    left, right, row = 330, 90, 20
    width, height = 900, 70 + rows * row
    values = [v for _, g in groups for _, v, _, t in g for v in (v, t) if v and v > 0]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    place = lambda v: left + (width - left - right) * (math.log10(v) - math.log10(low)) / (math.log10(high) - math.log10(low))
    out = [text(12, 24, title, 16)]
    decade = low
    while decade <= high * 1.001:
        x = place(decade)
        out += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="40" y2="{height - 26}" stroke="#ddd"/>', text(x, height - 10, f"{decade:g}", 11, "middle")]
        decade *= 10
    y = 44
    for heading, group in groups:
        out.append(text(12, y + 14, heading, 13, extra='font-weight="bold"'))
        y += row
        for label, value, ours, target in group:
            out.append(text(left - 8, y + 14, label, 12, "end"))
            if value and value > 0:
                out.append(f'<rect x="{left}" y="{y + 3}" width="{max(1.0, place(value) - left):.1f}" height="{row - 6}" fill="{COLOURS[0] if ours else "#b9b9b9"}"/>')
                out.append(text(place(value) + 5, y + 14, f"{value:.3g}", 11))
            if target:
                x = place(target)
                out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + row}" stroke="{COLOURS[1]}" stroke-width="3"/>')
            y += row
    out.append(text(width - 12, 24, unit + "; orange: target", 12, "end"))
    return page(width, height, out)


def page(width, height, parts):
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'


def curves(panels):
    """Double-logarithmic panels side by side, two a row. `panels`: [(title, x label, y label, [(name, [(x, y)], slope or None)])]."""
    wide, high, columns = 450, 300, 2
    parts = []
    for n, (title, x_label, y_label, lines) in enumerate(panels):
        x0, y0 = (n % columns) * wide, (n // columns) * high
        parts += panel(x0, y0, wide, high, title, x_label, y_label, lines)
    return page(columns * wide, -(-len(panels) // columns) * high, parts)


def ticks(low, high):
    """1, 2 and 5 of each decade where few decades are shown, else the decades."""
    steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    found = [m * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in steps]
    return [t for t in found if low * 0.999 <= t <= high * 1.001]


def panel(x0, y0, wide, high, title, x_label, y_label, lines):
    left, right, top, bottom = x0 + 64, x0 + wide - 16, y0 + 34, y0 + high - 44
    xs, ys = ([p[k] for _, points, _ in lines for p in points if p[1] > 0] for k in (0, 1))
    if not xs:
        return []
    xa, xb, ya, yb = min(xs) / 1.15, max(xs) * 1.15, min(ys) / 1.3, max(ys) * 1.3
    yb *= (yb / ya) ** 0.35  # room for the names of the lines
    px = lambda v: left + (right - left) * math.log(v / xa) / math.log(xb / xa)
    py = lambda v: bottom - (bottom - top) * math.log(v / ya) / math.log(yb / ya)
    out = [text(x0 + 12, y0 + 22, title, 14), text((left + right) / 2, bottom + 34, x_label, 12, "middle"),
           text(x0 + 14, (top + bottom) / 2, y_label, 12, "middle", f'transform="rotate(-90 {x0 + 14} {(top + bottom) / 2:.1f})"'),
           f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#888"/>']
    for t in sorted(set(xs)):
        out += [f'<line x1="{px(t):.1f}" x2="{px(t):.1f}" y1="{top}" y2="{bottom}" stroke="#e4e4e4"/>', text(px(t), bottom + 16, f"{t:g}", 11, "middle")]
    for t in ticks(ya, yb):
        out += [f'<line x1="{left}" x2="{right}" y1="{py(t):.1f}" y2="{py(t):.1f}" stroke="#e4e4e4"/>', text(left - 6, py(t) + 4, f"{t:g}", 11, "end")]
    for k, (name, points, slope) in enumerate(lines):
        colour = COLOURS[k % len(COLOURS)]
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in points if y > 0)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>' for x, y in points if y > 0]
        out.append(text(left + 8, top + 16 + 15 * k, name + (f", slope {slope:.2f}" if slope is not None else ""), 12, extra=f'style="fill:{colour}"'))
    return out
