"""The frontier as one SVG, for screen and print, in colour or not: no script, no font, nothing fetched."""

from html import escape
from itertools import groupby, pairwise

INK, GUIDE = "#2b2f36", "#8b919b"
COLOURS = {
    "none": INK,
    "label only": INK,
    "blur": "#1b5f99",
    "pixelation": "#6440b0",
    "noise": "#0f6a5c",
    "k-same": "#855600",
}
OURS = "#b3202c"
# Outlines about the origin, of radius 1, so that series differ in black and white too.
SHAPES = {
    "runs": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
    "none": "M-1.1-.5L-.5-1.1L0-.6L.5-1.1L1.1-.5L.6 0L1.1 .5L.5 1.1L0 .6L-.5 1.1L-1.1 .5L-.6 0Z",
    "label only": "M0-1.4L.4-.5L1.3-.4L.6 .2L.8 1.1L0 .6L-.8 1.1L-.6 .2L-1.3-.4L-.4-.5Z",
    "blur": "M0-1.3L1.2 .9H-1.2Z",
    "pixelation": "M0 1.3L1.2-.9H-1.2Z",
    "noise": "M-.4-1.2H.4V-.4H1.2V.4H.4V1.2H-.4V.4H-1.2V-.4H-.4Z",
    "k-same": "M0-1.4L1.4 0L0 1.4L-1.4 0Z",
}
CEILING = "label only"  # beats all, and keeps nothing of a picture but the expression's name
SWEEP_SHAPE = "M-.9-.9H.9V.9H-.9Z"
WIDTH, HEIGHT = 1000, 1150
PANEL_LEFT, PANEL_WIDTH, PANEL_HEIGHT = 84, 770, 420
RIGHT_MARGIN = 138  # of a panel, for the names of what gives everybody away
PANEL_TOPS = (100, 612)
ROUND = "stroke-linecap='round' stroke-linejoin='round'"
LETTER_WIDTH, LINE_HEIGHT = 6.6, 14  # of a label, in pixels
TITLES = {
    "original": "Expression read by one who learnt from originals",
    "protected": "Expression read by one who learnt from protected pictures",
}


def frontier_svg(result):
    """Draw expression accuracy over the strongest identity attack, one panel for each reader of the expression.

    The points of each series that no other of it beats are joined, and so are those of all but the ceiling.

    Args:
        result: dict as in `frontier.json`.

    Returns:
        str, an SVG document.
    """
    panels = "".join(
        _panel(result, source, top, title) for (source, title), top in zip(TITLES.items(), PANEL_TOPS, strict=True)
    )
    attackers = "quick attackers" if result["quick"] else "all attackers"
    notes = [
        f"Strongest of all attacks on one picture or its latent ({attackers}, {result['n_test']} test pictures of "
        f"{result['people']} people). Bars: 95 % intervals.",
        "Lines: the frontier of each series, whose points no other beats in both; broad: of all but label-only.",
    ]
    if any(one["identity"] != one["identity_from_images"] for one in result["points"]):
        notes.append("Hollow: the strongest attack on pictures alone, where one on latents is stronger.")
    foot = "".join(
        f"<text x='{PANEL_LEFT}' y='{HEIGHT - 46 + 17 * number}'>{escape(line)}</text>"
        for number, line in enumerate(notes)
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' fill='{INK}' "
        "font-family='system-ui, -apple-system, Segoe UI, Roboto, sans-serif' font-size='12.5'>"
        "<title>Expression kept against identity given away</title>"
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#fff'/><text x='{PANEL_LEFT}' y='36' font-size='20' "
        f"font-weight='600'>Expression kept, against identity given away</text>{panels}{foot}</svg>\n"
    )


def _panel(result, source, top, title):
    def x(share):
        return PANEL_LEFT + PANEL_WIDTH * share

    def y(share):
        return top + PANEL_HEIGHT * (1 - share)

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
    series = [list(members) for _, members in groupby(marks, key=lambda one: one["series"])]
    lines = [pareto([one["at"] for one in members]) for members in series]
    shapes = [f"<text x='{PANEL_LEFT}' y='{top - 22}' font-size='14' font-weight='600'>{escape(title)}</text>"]
    shapes += _axes(x, y)
    shapes += _chances(result, x, y)
    shapes.append(
        _line(
            pareto([one["at"] for one in marks if one["series"] != CEILING]),
            GUIDE,
            f"stroke-width='9' stroke-opacity='.3' {ROUND}",
        )
    )
    for members, line in zip(series, lines, strict=True):
        shapes.append(_line(line, members[0]["colour"], "stroke-width='1.6' stroke-opacity='.75'"))
    shapes += [_mark(one) for one in marks]
    across, along = x(result["chance"]), y(result["chance_expression"])
    taken = [(across - 2, top, across + 2, y(0)), (across, along - 20, across + 150, along + 2)]
    taken += [(across, y(0) - 20, across + 130, y(0)), (x(0), top, across, top + 24)]
    bounds = (x(0) + 4, top - 14, x(1) + RIGHT_MARGIN, y(0) - 2)
    return f"<g>{''.join(shapes + _labels(marks, bounds, taken + _boxes(marks, lines)))}</g>"


def pareto(places):
    """Those of some places on the drawing that no other beats in both respects, from left to right.

    Args:
        places: `(x, y)`; the left is better, and so is the upper, where y is less.
    """
    front = []
    for place in sorted(set(places)):
        if not front or place[1] < front[-1][1]:
            front.append(place)
    return front


def _line(places, colour, style):
    points = " ".join("{:.1f},{:.1f}".format(*place) for place in places)
    return f"<polyline points='{points}' fill='none' stroke='{colour}' {style}/>" if len(places) > 1 else ""


def _axes(x, y):
    """Frame, ticks, and what the axes mean."""
    left, right, top, bottom, middle = x(0), x(1), y(1), y(0), y(0.5)
    shapes = [
        f"<path d='M{left} {top}V{bottom}H{right}' fill='none' stroke='{INK}'/>",
        f"<text x='{x(0.5)}' y='{bottom + 40}' text-anchor='middle' font-size='13.5'>people named rightly by the "
        "strongest attack (less is better)</text>",
        f"<text transform='translate({left - 56} {middle}) rotate(-90)' text-anchor='middle' font-size='13.5'>"
        "expressions read rightly (more is better)</text>",
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        shapes.append(
            f"<path d='M{x(share)} {bottom}v5M{left} {y(share)}h-5' stroke='{INK}'/>"
            f"<text x='{x(share)}' y='{bottom + 19}' text-anchor='middle'>{100 * share:.0f} %</text>"
            f"<text x='{left - 9}' y='{y(share) + 4}' text-anchor='end'>{100 * share:.0f} %</text>"
        )
        if share:
            shapes.append(
                f"<path d='M{left} {y(share)}H{right}M{x(share)} {bottom}V{top}' stroke='{GUIDE}' stroke-opacity='.3'/>"
            )
    return shapes


def _chances(result, x, y):
    """What guessing gets, as dashed lines, and the corner to aim for."""
    across, along = x(result["chance"]), y(result["chance_expression"])
    return [
        f"<path d='M{across:.1f} {y(0)}V{y(1)}M{x(0)} {along:.1f}H{x(1)}' stroke='{INK}' stroke-dasharray='5 4'/>",
        f"<text x='{across + 6:.1f}' y='{y(0) - 7}' font-style='italic'>guessing a person</text>",
        f"<text x='{across + 6:.1f}' y='{along - 6:.1f}' font-style='italic'>guessing an expression</text>",
        f"<text x='{across - 16:.1f}' y='{y(1) + 19}' text-anchor='end' font-style='italic'>the aim</text>"
        f"<path d='M{across - 13:.1f} {y(1) + 13}L{across - 4:.1f} {y(1) + 4}m-6 0h6v6' fill='none' stroke='{INK}'/>",
    ]


def _mark(one):
    """A point with its intervals, and hollow where pictures alone give less away."""
    (across, along), (low, high), (down, up) = one["at"], one["across"], one["along"]
    radius, colour = (5.5 if one["ours"] else 4.5), one["colour"]
    shape = SHAPES.get(one["series"], SWEEP_SHAPE)

    def outline(place, style):
        return f"<path d='{shape}' transform='translate({place:.1f} {along:.1f}) scale({radius})' {style}/>"

    hollow = ""
    if abs(one["hollow_x"] - across) > 2 * radius:
        near = one["hollow_x"] + radius * (1 if one["hollow_x"] < across else -1)
        hollow = f"<path d='M{near:.1f} {along:.1f}H{across:.1f}' stroke='{colour}' stroke-dasharray='1 3'/>"
        hollow += outline(one["hollow_x"], f"fill='#fff' stroke='{colour}' stroke-width='{1.5 / radius:.2f}'")
    full = outline(across, f"fill='{colour}'")
    return (
        f"{hollow}<path d='M{low:.1f} {along:.1f}H{high:.1f}M{across:.1f} {down:.1f}V{up:.1f}' stroke='{colour}' "
        f"stroke-opacity='.7' stroke-width='1.4'/>{full}"
    )


def _boxes(marks, lines):
    """Boxes around points and intervals, and along the lines of a series and from a point to its hollow one."""
    ends = [(one["at"], (one["hollow_x"], one["at"][1])) for one in marks]
    boxes = [(x - 7, y - 7, x + 7, y + 7) for one in ends for x, y in one]
    boxes += [(one["across"][0], one["at"][1] - 1, one["across"][1], one["at"][1] + 1) for one in marks]
    boxes += [(one["at"][0] - 1, one["along"][1], one["at"][0] + 1, one["along"][0]) for one in marks]
    for (x, y), (other_x, other_y) in ends + [pair for line in lines for pair in pairwise(line)]:
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
            f"<text x='{box[0]:.1f}' y='{box[1] + 11:.1f}' fill='{one['colour']}' "
            f"stroke='#fff' stroke-width='3' paint-order='stroke'{weight}>{escape(text)}</text>"
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
    if one["series"] == "runs" and one["runs"] > 1:
        return f"{one['name']}, {one['runs']} seeds"
    if one["series"] in COLOURS or one["series"] == "runs" or follows:
        return one["name"]
    return f"{one['series'].removesuffix('_weight').replace('_', ' ')} {one['name']}"
