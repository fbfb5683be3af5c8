"""Every task of the model as examples of this world: what goes in (words, pictures) and what should come out (a picture or an answer).

Pictures are (height, width, 3) bytes. The sentences are those of the released model's prompts.
"""
from dataclasses import dataclass, replace

from . import block as blocks
from . import maps, sample
from .captions import Said, article, caption, noun, plain_caption, relation, say, where
from .edits import edit
from .questions import ask
from .render import render
from .scene import Scene
from .worlds import FILLS, PALETTES, World, stands_out

SYSTEM = {
    "generate": "Generate an image according to the text prompt.",
    "edit": "Generate an image applying the following editing instruction based on the original image.",
    "predict": "Perform dense prediction on the given images.",
    "control": "Generate an image according to the text prompt and the given control image.",
    "subject": "Generate an image according to the text prompt and the given object image.",
    "view": "Generate a view-image based on the given image.",
    "style": "Transform the current image into the style of the provided image.",
    "understand": "You are a multimodal model that can process both text and images. Answer the following question based on the provided "
                  "images. Analyze each image and combine relevant details to answer.",
}
MAP_NAMES = {"canny": "canny edge map", "hed": "hed edge map", "depth": "depth map", "normal": "normal map", "sam2mask": "sam2 mask",
             "openpose": "pose estimation map"}


@dataclass(frozen=True)
class Example:
    task: str
    user: str  # the text between <user> and </user>
    pictures: tuple = ()
    target: object = None  # a picture, or None where the answer is text
    answer: str | None = None
    told: tuple[Scene, Said] | None = None  # of text to image: what the target shows, and what is said of it


def generate(rng, world: World) -> Example:
    scene = sample.scene(rng, world)
    said = say(rng, scene, world.cell)
    return Example("generate", said.words, target=render(scene, world), told=(scene, said))


def understand(rng, world: World) -> Example:
    """A question about a picture; now and then about things that are told, not shown (as in chat)."""
    if rng.random() < 0.08:
        a, b = sample.things(rng, world, counts=[1, 1]).objects
        if a.shape != b.shape:
            asked = sample.pick(rng, (a, b))
            told = f"There is {article(noun(a))} and {article(noun(b))}. What color is the {asked.shape}?"
            return Example("understand", told, answer=asked.color)
    scene = sample.scene(rng, world)
    question, answer = ask(rng, scene, world)
    return Example("understand", question, (render(scene, world),), answer=answer)


def edits(rng, world: World) -> Example:
    while True:
        scene = sample.scene(rng, world)
        found = edit(rng, scene, world)
        if found:
            return Example("edit", found[0], (render(scene, world),), render(found[1], world))


def map_kinds(scene: Scene, world: World):
    if not world.all_tasks:
        return ("canny", "depth")
    return maps.KINDS if scene.figure else tuple(kind for kind in maps.KINDS if kind != "openpose")


def predict(rng, world: World) -> Example:
    scene = sample.scene(rng, world)
    kind = sample.pick(rng, map_kinds(scene, world))
    words = f"Generate a {MAP_NAMES[kind]} according to the image."
    return Example("predict", words, (render(scene, world),), maps.draw_map(kind, scene, world))


def control(rng, world: World) -> Example:
    scene = sample.scene(rng, world)
    kind = sample.pick(rng, map_kinds(scene, world))
    return Example("control", caption(rng, scene, world.cell), (maps.draw_map(kind, scene, world),), render(scene, world))


def subject_words(rng, scene: Scene, world: World) -> str:
    """The first thing of the scene is `this object`: where, on what, or how it lies to the other one."""
    thing = scene.objects[0]
    if len(scene.objects) == 2:
        known = relation([thing], [scene.objects[1]], world.cell)
        words = f"this object {known or 'and'} {article(noun(scene.objects[1]))}"
    else:
        words = f"this object {where(scene, thing)}" if rng.random() < 0.5 else "this object"
    return words if scene.background == "white" else f"{words} on {article(scene.background)} background"


def subject(rng, world: World) -> Example:
    """One thing is shown; the picture to draw has it elsewhere, on another background, beside another thing."""
    many = world.all_tasks and rng.random() < 0.5
    scene = sample.things(rng, world, counts=[1, 1] if many else [1])
    thing = scene.objects[0]
    background = sample.pick(rng, [b for b in world.backgrounds if b != scene.background and stands_out(thing.color, b)])
    if world.all_tasks:
        given = replace(sample.things(rng, world, counts=[1]), background=background)
        given = replace(given, objects=(replace(given.objects[0], fill=thing.fill, color=thing.color, shape=thing.shape),))
        words = subject_words(rng, scene, world) if rng.random() < 0.8 else plain_caption(scene)
    else:
        given, words = replace(scene, background=background), plain_caption(scene)
    return Example("subject", words, (render(given, world),), render(scene, world))


def styled(scene: Scene, palette: str, fill: str | None) -> Scene:
    objects = tuple(replace(t, fill=fill) for t in scene.objects) if fill else scene.objects
    return replace(scene, objects=objects, palette=palette)


def style(rng, world: World) -> Example:
    """A picture and a reference: the first in the palette, or with the fill, of the second. In the first world: its background."""
    content = sample.things(rng, world, counts=[1] if not world.all_tasks else None)
    if not world.all_tasks:
        reference = sample.things(rng, world, counts=[1])
        result = replace(content, background=reference.background)
    else:
        textured = rng.random() < 0.5
        fill = sample.pick(rng, FILLS) if textured else None
        palette = "plain" if textured else sample.pick(rng, PALETTES[1:])
        canvas = (content.width, content.height)  # the output takes the reference's grid
        reference = styled(sample.things(rng, world, canvas=canvas), palette, fill)
        result = styled(content, palette, fill)
    pictures = (render(content, world), render(reference, world))
    return Example("style", SYSTEM["style"], pictures, render(result, world))


def view(rng, world: World) -> Example:
    """Another side of a block. Flat things, which is all that the first world has, look the same from every side."""
    if world.all_tasks:
        scene = sample.block(rng)
        name = sample.pick(rng, blocks.VIEWS)
        result = replace(scene, block=blocks.seen_from(scene.block, name))
    else:
        scene = result = sample.scene(rng, world)
        name = sample.pick(rng, ("left", "right"))
    return Example("view", f"Generate the {name} view based on the provided front view.", (render(scene, world),), render(result, world))


TASKS = {"generate": generate, "understand": understand, "edit": edits, "predict": predict, "control": control, "subject": subject,
         "style": style, "view": view}
