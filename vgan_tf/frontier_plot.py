"""The frontier as one SVG, for light and dark ground and for print: no script, no font, nothing fetched."""

from html import escape
from itertools import groupby, pairwise

INK = "#757c88"
COLOURS = {
    "none": INK,
    "label only": INK,
    "blur": "#2f86cc",
    "pixelation": "#8a6bd6",
    "noise": "#1f9482",
    "k-same": "#b5790f",
}
OURS = "#dc4646"
WIDTH, HEIGHT = 1080, 610
PANEL_WIDTH, PANEL_HEIGHT = 400, 420
RIGHT_MARGIN = 84  # of a panel, for the names of what gives everybody away
PANEL_LEFTS, PANEL_TOP = (62, 590), 96
LETTER_WIDTH, LINE_HEIGHT = 6.4, 13  # of a label, in pixels
TITLES = {
    "original": "… by a reader who learnt from originals",
    "protected": "… by a reader who learnt from protected pictures",
}


def frontier_svg(result):
    """Draw expression accuracy over the strongest identity attack, one panel for each reader of the expression.

    Args:
        result: dict as in `frontier.json`.

    Returns:
        str, an SVG document.
    """
    panels = [
        _panel(result, source, left, title) for (source, title), left in zip(TITLES.items(), PANEL_LEFTS, strict=True)
    ]
    attackers = "quick attackers" if result["quick"] else "all attackers"
    notes = [
        f"Strongest of all attacks on one picture or its latent ({attackers}, {result['n_test']} test pictures of "
        f"{result['people']} people). Bars: 95 % intervals. Up and to the left is better."
    ]
    if any(one["identity"] != one["identity_from_images"] for one in result["points"]):
        notes.append("Hollow: the strongest attack on pictures alone, where one on latents is stronger.")
    foot = "".join(
        f"<text x='{PANEL_LEFTS[0]}' y='{HEIGHT - 26 + 16 * number}' font-size='12'>{escape(line)}</text>"
        for number, line in enumerate(notes)
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' fill='{INK}' "
        "font-family='system-ui, -apple-system, Segoe UI, Roboto, sans-serif' font-size='12'>"
        "<title>Expression kept against identity given away</title>"
        f"<text x='{PANEL_LEFTS[0]}' y='30' font-size='19' font-weight='600'>Expression kept, against identity given "
        f"away</text><text x='{PANEL_LEFTS[0]}' y='52' font-size='13'>Expression read rightly from protected "
        f"pictures …</text>{''.join(panels)}{foot}</svg>\n"
    )


def _panel(result, source, left, title):
    def x(share):
        return left + PANEL_WIDTH * share

    def y(share):
        return PANEL_TOP + PANEL_HEIGHT * (1 - share)

    bottom, right = y(0), x(1)
    marks = [
        {
            "text": _text(one, number and result["points"][number - 1]["series"] == one["series"]),
            "series": one["series"],
            "colour": COLOURS.get(one["series"], OURS),
            "ours": one["series"] not in COLOURS,
            "at": (x(one["identity"]["accuracy"]), y(one["expression"][source]["accuracy"])),
            "across": [x(end) for end in one["identity"]["interval"]],
            "along": [y(end) for end in one["expression"][source]["interval"]],
            "hollow_x": x(one["identity_from_images"]["accuracy"]),
        }
        for number, one in enumerate(result["points"])
    ]
    shapes = [f"<text x='{left}' y='{PANEL_TOP - 16}' font-size='13' font-weight='600'>{escape(title)}</text>"]
    shapes += _axes(left, bottom, right, x, y)
    shapes += _chances(result, left, right, bottom, x, y)
    for series, members in groupby(marks, key=lambda one: one["series"]):
        members = list(members)
        if len(members) > 1 and series != "runs":
            line = " ".join("{:.1f},{:.1f}".format(*one["at"]) for one in members)
            shapes.append(
                f"<polyline points='{line}' fill='none' stroke='{members[0]['colour']}' stroke-opacity='.45' "
                "stroke-width='1.5'/>"
            )
    shapes += [_mark(one) for one in marks]
    across, along = x(result["chance"]), y(result["chance_expression"])
    taken = [(across - 2, PANEL_TOP, across + 2, bottom), (across, along - 18, across + 135, along + 2)]
    shapes += _labels(marks, (left + 4, PANEL_TOP - 8, right + RIGHT_MARGIN, bottom - 20), taken + _lines(marks))
    return f"<g>{''.join(shapes)}</g>"


def _axes(left, bottom, right, x, y):
    """Frame, ticks and what the axes mean."""
    shapes = [
        f"<path d='M{left} {PANEL_TOP}V{bottom}H{right}' fill='none' stroke='{INK}'/>",
        f"<text x='{(left + right) / 2}' y='{bottom + 38}' text-anchor='middle' font-size='13'>people named rightly by "
        "the strongest attack</text>",
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        shapes.append(
            f"<path d='M{x(share)} {bottom}v5M{left} {y(share)}h-5' stroke='{INK}'/>"
            f"<text x='{x(share)}' y='{bottom + 19}' text-anchor='middle'>{share:.0%}</text>"
            f"<text x='{left - 9}' y='{y(share) + 4}' text-anchor='end'>{share:.0%}</text>"
        )
        if share:
            shapes.append(
                f"<path d='M{left} {y(share)}H{right}M{x(share)} {bottom}V{PANEL_TOP}' stroke='{INK}' "
                "stroke-opacity='.16'/>"
            )
    return shapes


def _chances(result, left, right, bottom, x, y):
    """What guessing gets, as dashed lines."""
    across, along = x(result["chance"]), y(result["chance_expression"])
    return [
        f"<path d='M{across:.1f} {bottom}V{PANEL_TOP}M{left} {along:.1f}H{right}' stroke='{INK}' "
        "stroke-dasharray='4 4' stroke-opacity='.8'/>",
        f"<text x='{across + 5:.1f}' y='{bottom - 7}' font-style='italic'>guessing a person</text>",
        f"<text x='{across + 5:.1f}' y='{along - 6:.1f}' font-style='italic'>guessing an expression</text>",
    ]


def _mark(one):
    """A point with its intervals, and hollow where pictures alone give less away."""
    (across, along), (low, high), (down, up) = one["at"], one["across"], one["along"]
    radius, colour = (5.5 if one["ours"] else 4), one["colour"]
    hollow = ""
    if abs(one["hollow_x"] - across) > 2 * radius:
        near = one["hollow_x"] + radius * (1 if one["hollow_x"] < across else -1)
        hollow = (
            f"<path d='M{near:.1f} {along:.1f}H{across:.1f}' stroke='{colour}' stroke-dasharray='1 3'/>"
            f"<circle cx='{one['hollow_x']:.1f}' cy='{along:.1f}' r='{radius}' fill='none' stroke='{colour}' "
            "stroke-width='1.8'/>"
        )
    return (
        f"{hollow}<path d='M{low:.1f} {along:.1f}H{high:.1f}M{across:.1f} {down:.1f}V{up:.1f}' stroke='{colour}' "
        f"stroke-opacity='.6' stroke-width='1.4'/><circle cx='{across:.1f}' cy='{along:.1f}' r='{radius}' "
        f"fill='{colour}'/>"
    )


def _lines(marks):
    """Boxes around points and intervals, and along the lines of a series and from a point to its hollow one."""
    ends = [(one["at"], (one["hollow_x"], one["at"][1])) for one in marks]
    ends += [(a["at"], b["at"]) for a, b in pairwise(marks) if a["series"] == b["series"] != "runs"]
    boxes = [(x - 6, y - 6, x + 6, y + 6) for one in ends[: len(marks)] for x, y in one]
    boxes += [(one["across"][0], one["at"][1] - 1, one["across"][1], one["at"][1] + 1) for one in marks]
    for (x, y), (other_x, other_y) in ends:
        steps = int(max(abs(other_x - x), abs(other_y - y)) // 6)
        for step in range(1, steps):
            middle = x + (other_x - x) * step / steps, y + (other_y - y) * step / steps
            boxes.append((middle[0] - 1.5, middle[1] - 1.5, middle[0] + 1.5, middle[1] + 1.5))
    return boxes


def _labels(marks, bounds, taken):
    """Names beside the points, each at the place that is freest, with a line to its point where it is far.

    Args:
        marks: points as `_panel` makes them.
        bounds: (left, top, right, bottom) that no label leaves.
        taken: boxes (left, top, right, bottom) that labels avoid.
    """
    shapes = []
    for one in sorted(marks, key=lambda one: not one["ours"]):  # ours first: they get the best places
        (x, y), text = one["at"], one["text"]
        width = (LETTER_WIDTH + one["ours"]) * len(text)
        candidates = [
            (x + side * shift - (0 if side > 0 else width if side < 0 else width / 2), y + rise - LINE_HEIGHT / 2)
            for side, shift in ((1, 9), (-1, 9), (1, 18), (1, 34), (-1, 34), (0, 0), (-1, 70), (1, 70), (-1, 120))
            for rise in (0, *(sign * 7 * step for step in range(1, 22) for sign in (1, -1)))
            if side or abs(rise) > 12
        ]
        boxes = [(a, b, a + width, b + LINE_HEIGHT) for a, b in candidates]
        box = min(boxes, key=lambda box: _cost(box, (x, y), bounds, taken))
        taken = [*taken, box]
        near = (min(max(x, box[0] - 2), box[2] + 2), min(max(y, box[1] + 3), box[3] - 3))
        if (near[0] - x) ** 2 + (near[1] - y) ** 2 > 12**2:
            shapes.append(
                f"<path d='M{x:.1f} {y:.1f}L{near[0]:.1f} {near[1]:.1f}' stroke='{one['colour']}' "
                "stroke-width='.7' stroke-opacity='.8'/>"
            )
        weight = " font-weight='600'" if one["ours"] else ""
        shapes.append(
            f"<text x='{box[0]:.1f}' y='{box[1] + 10.5:.1f}' fill='{one['colour']}'{weight}>{escape(text)}</text>"
        )
    return shapes


def _cost(box, point, bounds, taken):
    """How bad a label's place is: what it covers, what it leaves, and how far it is from its point."""
    outside = sum(
        max(0, over) for over in (bounds[0] - box[0], bounds[1] - box[1], box[2] - bounds[2], box[3] - bounds[3])
    )
    covered = sum(
        max(0, min(box[2], other[2]) - max(box[0], other[0])) * max(0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    across = max(box[0] - point[0], point[0] - box[2], 0)
    along = abs((box[1] + box[3]) / 2 - point[1])
    return 1000 * outside + 10 * covered + across + along


def _text(one, follows):
    """What a point is called: the first of a sweep by its setting too, "latent dependence 0", the others "2", "5"."""
    if one["series"] in COLOURS or one["series"] == "runs" or follows:
        return one["name"]
    return f"{one['series'].removesuffix('_weight').replace('_', ' ')} {one['name']}"
