"""Stick figures: limbs as segments, in pixels relative to the middle of the figure. Fits into 80 x 128 pixels."""
import numpy as np

HEAD = (0, -36)
LIMB, HEAD_RADIUS = 4, 12  # half a stroke's width
HALF_WIDTH, HALF_HEIGHT = 40, 64  # of the block of cells that a figure stays inside
HANDS = {"up": (20, -40), "out": (30, -16), "down": (20, 10)}
FEET = {"together": (7, 50), "apart": (24, 50)}
ARMS = tuple(HANDS)


def limbs(figure):
    """Name -> (from, to); names are those of the pose map's colours."""
    def hand(side, pose):
        x, y = HANDS[pose]
        return (0, -16), (side * x, y)

    x, y = FEET[figure.legs]
    return {"spine": ((0, -24), (0, 12)), "left arm": hand(-1, figure.left), "right arm": hand(1, figure.right),
            "left leg": ((0, 12), (-x, y)), "right leg": ((0, 12), (x, y))}


def segment(x, y, start, end, half: float):
    """Distance to a stroke with round ends."""
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    t = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(x - ax - t * dx, y - ay - t * dy) - half


def distance(figure, x, y):
    """Distance to the figure's outline; x, y relative to its middle."""
    strokes = [segment(x, y, *limb, LIMB) for limb in limbs(figure).values()]
    return np.minimum.reduce([np.hypot(x - HEAD[0], y - HEAD[1]) - HEAD_RADIUS, *strokes])
