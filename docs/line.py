#!/usr/bin/env python3
"""Draws docs/line.svg, the way of a frame through the elements. Run it after a change here: docs/line.py > docs/line.svg

Every text stands on a filled box or in a grey that is readable on white and on black.
"""
BOXES = (  # element, what it does, in two lines; what it hands on
    ("m3motion", "how much moves,", "how fine it is", "activity"),
    ("m3scale", "encode or reuse,", "how fine at most", "scale, reason"),
    ("m3encode", "vision tower", "and projector", "144 tokens"),
    ("m3pool", "nested pooling", "to the scale", "1, 9, 36 or 144"),
    ("m3llm", "window, question,", "language model", "text, messages"),
)
WIDTH, HEIGHT, GAP, LEFT, TOP = 124, 78, 46, 110, 64
GREY, LINE = "#7d8590", "#7d8590"
FILL, ENGINE = "#1f6feb", "#8250df"


def text(x, y, words, size=13, fill=GREY, weight="normal"):
    return (f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" font-weight="{weight}" '
            f'text-anchor="middle">{words}</text>')


def arrow(x0, y0, x1, y1):
    return f'<line x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}" stroke="{LINE}" stroke-width="2" marker-end="url(#tip)"/>'


def main():
    step, middle = WIDTH + GAP, TOP + HEIGHT / 2
    right = LEFT + len(BOXES) * step - GAP
    total = right + 110
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} 240" width="{total}" height="240" '
           'font-family="Helvetica, Arial, sans-serif" role="img">',
           "<title>Video goes through m3motion, m3scale, m3encode, m3pool and m3llm and comes out as answers</title>",
           f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
           f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>',
           f'<rect x="{LEFT - 22}" y="14" width="{right - LEFT + 44}" height="{HEIGHT + 88}" rx="12" fill="none" '
           f'stroke="{LINE}" stroke-width="1.5" stroke-dasharray="6 5"/>',
           text(LEFT + 30, 36, "m3qa", 15, GREY, "bold"),
           text(LEFT - 66, middle - 10, "video"), arrow(LEFT - 96, middle, LEFT - 3, middle),
           text(right + 62, middle - 10, "answers"), arrow(right + 2, middle, right + 100, middle)]
    for i, (name, first, second, hands_on) in enumerate(BOXES):
        x = LEFT + i * step
        fill = ENGINE if name in ("m3encode", "m3llm") else FILL
        out += [f'<rect x="{x}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{fill}"/>',
                text(x + WIDTH / 2, TOP + 26, name, 16, "#ffffff", "bold"),
                text(x + WIDTH / 2, TOP + 47, first, 12, "#ffffff"), text(x + WIDTH / 2, TOP + 63, second, 12, "#ffffff")]
        if i + 1 < len(BOXES):
            out.append(arrow(x + WIDTH + 2, middle, x + step - 3, middle))
        out.append(text(x + WIDTH / 2, TOP + HEIGHT + 22, hands_on, 12))
    encode, llm = LEFT + 2 * step + WIDTH / 2, LEFT + 4 * step + WIDTH / 2
    low = TOP + HEIGHT + 34
    out += [f'<path d="M{encode:g},{low} V{low + 44} H{llm:g} V{low}" fill="none" stroke="{ENGINE}" stroke-width="2"/>',
            f'<rect x="{(encode + llm) / 2 - 120:g}" y="{low + 26}" width="240" height="30" rx="8" fill="{ENGINE}"/>',
            text((encode + llm) / 2, low + 46, "one engine, shared by all streams", 12, "#ffffff"),
            "</svg>"]
    print("\n".join(out))


if __name__ == "__main__":
    main()
