"""Things with views: a square body, a mark on its left and one on its right. What each side shows follows from the front."""
from dataclasses import replace

from .scene import Block, Mark

BODY = 34  # half a side, pixels
MARK = 14  # a mark's radius
BESIDE = 16  # a mark's distance from the middle
HALF = 40  # of the block of cells that it stays inside
VIEWS = ("left", "right", "back")


def marks(block: Block) -> list[tuple[Mark, int]]:
    """What can be seen, with each mark's x relative to the middle."""
    return {"front": [(block.left, -BESIDE), (block.right, BESIDE)], "back": [(block.right, -BESIDE), (block.left, BESIDE)],
            "left": [(block.left, 0)], "right": [(block.right, 0)]}[block.view]


def seen_from(block: Block, view: str) -> Block:
    return replace(block, view=view)
