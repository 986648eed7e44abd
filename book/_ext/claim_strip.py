"""The strip of a claim: one dot per seed, or a histogram, with the interval and
the bound, as one small SVG.
"""

import math
from collections import Counter
from html import escape

from claim_words import counted, end, with_unit
from sphinx.locale import get_translation

from companion.claims import factor, number

_ = get_translation("course")
WIDTH, LINE = 240, 34  # the line of the interval; below it stand numbers
MARGIN = 8
MANY = 100  # above these a histogram
DOT = 5  # pixels from one dot to the next


def strip(claim: dict, numbers: bool = True) -> str:
    """Return the strip of a claim that has values, as SVG. Every value is a dot
    of one single path.
    """
    log = claim["kind"] == "factor"
    scale = math.log if log else float
    values = [scale(value) for value in claim["values"]]
    ends = [
        scale(claim[key])
        for key in ("floor", "ceiling")
        if claim[key] is not None
    ]
    interval = [scale(claim[key]) for key in ("low", "value", "high")]
    least = min(values + ends + interval)
    most = max(values + ends + interval)

    def x(value: float) -> int:
        if least == most:
            return WIDTH // 2
        place = (value - least) / (most - least)
        return round(MARGIN + place * (WIDTH - 2 * MARGIN))

    low, middle, high = (x(value) for value in interval)
    parts = [f'<path class="line" d="M0 {LINE}h{WIDTH}"/>']
    for key, edge in (("floor", 0), ("ceiling", WIDTH)):
        if claim[key] is not None:
            at = x(scale(claim[key]))
            parts.append(
                f'<path class="bound" d="M{at} 0v{LINE + 4}"/>'
                f'<path class="beyond" d="M{edge} 0H{at}V{LINE}H{edge}z"/>'
            )
            if numbers:
                anchor = "start" if at < WIDTH / 2 else "end"
                text = bound(claim, key)
                parts.append(
                    f'<text x="{at}" y="{LINE + 13}"'
                    f' text-anchor="{anchor}">{text}</text>'
                )
    places = list(map(x, values))
    if len(values) > MANY:
        parts.append(f'<path class="bars" d="{bars(places)}"/>')
    elif claim["kind"] == "share":
        parts.append(f'<path class="dots" d="{blocks(claim["values"])}"/>')
    else:
        parts.append(f'<path class="dots" d="{dots(places)}"/>')
    parts.append(
        f'<path class="interval" d="M{low} {LINE}H{high}"/>'
        f'<path class="estimate" d="M{middle} {LINE - 4}v8"/>'
    )
    height = LINE + (16 if numbers else 5)
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(words(claim))}">{"".join(parts)}</svg>'
    )


def dots(places: list[int]) -> str:
    """Return the path of the dots: a line without length each, stacked where
    they would cover each other.
    """
    columns = [place // DOT for place in places]
    rise = min(DOT, (LINE - 9) / max(Counter(columns).values()))
    seen: Counter = Counter()
    path = []
    for column in sorted(columns):
        y = LINE - 6 - seen[column] * rise
        path.append(f"M{column * DOT + DOT // 2} {y:.3g}h0")
        seen[column] += 1
    return "".join(path)


def blocks(hits: list[float]) -> str:
    """Return the path of the dots of a share: yes at the right end, no at the
    left, in columns of five.
    """
    path = []
    for hit, start, step in ((1, WIDTH - MARGIN, -DOT), (0, MARGIN, DOT)):
        for i in range(hits.count(hit)):
            column, place = divmod(i, 5)
            path.append(f"M{start + column * step} {LINE - 6 - place * DOT}h0")
    return "".join(path)


def bars(places: list[int]) -> str:
    """Return the path of a histogram: one closed bar for each column that has
    something in it.
    """
    columns = Counter(place // DOT for place in places)
    tall = (LINE - 6) / max(columns.values())
    return "".join(
        f"M{column * DOT} {LINE - 2}v-{count * tall:.3g}h{DOT - 1}V{LINE - 2}z"
        for column, count in sorted(columns.items())
    )


def bound(claim: dict, key: str) -> str:
    """Return one end of the bound as a number."""
    if claim["kind"] == "factor":
        return factor(claim[key])
    share = claim["kind"] == "share"
    return f"{number(100 * claim[key])} %" if share else number(claim[key])


def words(claim: dict) -> str:
    """Say what the strip shows."""
    if claim["kind"] == "share":
        return _("{counted}; interval {low} to {high} %").format(
            counted=counted(claim),
            low=end(claim, "low"),
            high=end(claim, "high"),
        )
    write = factor if claim["kind"] == "factor" else number
    return _("{counted}, from {least} to {most}").format(
        counted=counted(claim),
        least=write(min(claim["values"]), 3),
        most=with_unit(claim, write(max(claim["values"]), 3)),
    )
