# What OpenCV's Canny draws, recorded with Debian 12's python3-opencv (4.6.0): /usr/bin/python3 record.py. NAME.png is the picture,
# NAME_edges.png its edges: grey by cvtColor, thresholds 100 and 200, aperture 3, L1 norm.
import cv2
import numpy as np

random = np.random.default_rng(7)


def scene(width, height):
    picture = np.full((height, width, 3), (235, 240, 230), np.uint8)
    for _ in range(9):
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        size = int(random.integers(4, max(5, width // 3)))
        kind = random.integers(0, 3)
        if kind == 0:
            cv2.circle(picture, (x, y), size, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, (x, y), (x + size, y + size // 2), colour, -1)
        else:
            cv2.line(picture, (x, y), (x + 3 * size, y + size), colour, 2, cv2.LINE_AA)
    return picture


def photo(width, height):
    """Smooth light of many scales, an object, sensor noise: gradients of every size and direction."""
    picture = np.zeros((height, width, 3))
    for cell in (3, 7, 17, 40):
        coarse = random.uniform(0, 1, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        picture += cell**0.4 * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = 700 * (picture - picture.min()) / (picture.max() - picture.min()) - 220
    picture[height // 3 : height // 2, width // 4 : width // 2] += 70
    return np.clip(picture + random.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)


def noise(width, height):
    return random.integers(0, 256, (height, width, 3), np.uint8)


pictures = {
    'scene_64': scene(64, 64),
    'scene_101x77': scene(101, 77),
    'photo_131x95': photo(131, 95),
    'photo_64x160': photo(64, 160),
    'noise_37x29': noise(37, 29),
    'noise_3x3': noise(3, 3),
    'noise_2x5': noise(2, 5),
    'line_1x40': noise(1, 40),
    'line_40x1': noise(40, 1),
    'point_1x1': noise(1, 1),
}
for name, rgb in pictures.items():
    cv2.imwrite(f'{name}.png', rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(f'{name}_edges.png', cv2.Canny(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 100, 200))
    print(name, np.mean(cv2.Canny(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 100, 200) > 0))
