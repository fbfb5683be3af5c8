"""Letters of 3x5 dots, rows from top to bottom. A dot is half an image cell wide, a letter takes 2x3 cells with its free right column and
bottom row: so every cell of a word is one of 16 patterns."""
import numpy as np

WIDTH, HEIGHT = 4, 6  # dots, free ones included
_ROWS = {
    "A": ".#. #.# ### #.# #.#", "B": "##. #.# ##. #.# ##.", "C": ".## #.. #.. #.. .##", "D": "##. #.# #.# #.# ##.",
    "E": "### #.. ##. #.. ###", "F": "### #.. ##. #.. #..", "G": ".## #.. #.# #.# .##", "H": "#.# #.# ### #.# #.#",
    "I": "### .#. .#. .#. ###", "J": "..# ..# ..# #.# .#.", "K": "#.# #.# ##. #.# #.#", "L": "#.. #.. #.. #.. ###",
    "M": "#.# ### ### #.# #.#", "N": "### #.# #.# #.# #.#", "O": ".#. #.# #.# #.# .#.", "P": "##. #.# ##. #.. #..",
    "Q": ".#. #.# #.# .#. ..#", "R": "##. #.# ##. ##. #.#", "S": ".## #.. .#. ..# ##.", "T": "### .#. .#. .#. .#.",
    "U": "#.# #.# #.# #.# ###", "V": "#.# #.# #.# #.# .#.", "W": "#.# #.# ### ### #.#", "X": "#.# #.# .#. #.# #.#",
    "Y": "#.# #.# .#. .#. .#.", "Z": "### ..# .#. #.. ###",
}
LETTERS = {letter: np.array([[dot == "#" for dot in row] for row in rows.split()]) for letter, rows in _ROWS.items()}


def dots(text: str):
    """(HEIGHT, WIDTH * len(text)) booleans."""
    grid = np.zeros((HEIGHT, WIDTH * len(text)), bool)
    for i, letter in enumerate(text):
        grid[:5, WIDTH * i:WIDTH * i + 3] = LETTERS[letter]
    return grid
