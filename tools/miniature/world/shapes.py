"""Signed distances in pixels, negative inside. x and y are arrays relative to the centre, r is the radius.

Exact or nearly so close to the outline, which is all that anti-aliasing, rims and edge maps need.
"""
import numpy as np

DIAGONAL = 0.7071


def distance(shape: str, x, y, r: float):
    """Distance to the outline of the silhouette."""
    return _SHAPES[shape](x, y, r)


def area(shape: str, fill: str, x, y, r: float):
    """Distance to what is painted: the silhouette less the fill's holes, through which the background shows."""
    d = distance(shape, x, y, r)
    if fill == "solid":
        return d
    if fill == "outline":
        return np.maximum(d, -(d + 0.2 * r))
    if fill == "stripes":  # a rim, and bars of 6 pixels every 12
        bars = np.abs((y + 1200) % 12 - 6) - 3
        return np.maximum(d, np.minimum(-(d + 0.14 * r), bars))
    # dots: holes of radius 4 every 12 pixels, none of them nearer to the outline than 3 pixels
    column, row = np.round(x / 12) * 12, np.round(y / 12) * 12
    hole = np.hypot(x - column, y - row) - 4
    return np.where(distance(shape, column, row, r) <= -7, np.maximum(d, -hole), d)


def _circle(x, y, r):
    return np.hypot(x, y) - r


def _square(x, y, r):
    return np.maximum(np.abs(x), np.abs(y)) - 0.86 * r


def _triangle(x, y, r):
    return np.maximum(0.866 * np.abs(x) - 0.5 * (y + r), y - 0.62 * r)


def _star(x, y, r):
    """Five points, one of them up: the edge between an outer and an inner corner, folded into one sector."""
    sector = np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + sector) % (2 * sector) - sector)
    rho = np.hypot(x, y)
    outer = 1.12 * r
    edge_x, edge_y = 0.47 * r * np.cos(sector) - outer, 0.47 * r * np.sin(sector)
    cross = (rho * np.cos(angle) - outer) * -edge_y + rho * np.sin(angle) * edge_x
    return cross / -np.hypot(edge_x, edge_y)


def _cross(x, y, r):
    across = np.maximum(np.abs(x) - r, np.abs(y) - 0.36 * r)
    down = np.maximum(np.abs(x) - 0.36 * r, np.abs(y) - r)
    return np.minimum(across, down)


def _diamond(x, y, r):
    return (np.abs(x) + np.abs(y)) * DIAGONAL - 0.76 * r


def _heart(x, y, r):
    """A square on its corner with a half disc on each upper side."""
    u, v = np.abs(x), y - 0.1 * r
    return np.minimum((u + np.abs(v)) * DIAGONAL - 0.56 * r, np.hypot(u - 0.396 * r, v + 0.396 * r) - 0.56 * r)


def _moon(x, y, r):
    """A disc without a smaller one on its right."""
    return np.maximum(np.hypot(x, y) - r, 0.75 * r - np.hypot(x - 0.55 * r, y))


def _arrow(x, y, r):
    """Points to the right."""
    shaft = np.maximum(np.abs(x + 0.35 * r) - 0.6 * r, np.abs(y) - 0.34 * r)
    head = np.maximum((np.abs(y) + x) * DIAGONAL - 0.67 * r, -x)
    return np.minimum(shaft, head)


def _oval(x, y, r):
    """Taller than wide."""
    return (np.hypot(x / 0.6, y) - r) * 0.6


_SHAPES = {"circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "cross": _cross, "diamond": _diamond,
           "heart": _heart, "moon": _moon, "arrow": _arrow, "oval": _oval}
