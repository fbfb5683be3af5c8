"""A synthetic world in which every statement can be checked from pixels. One scene gives the picture, its maps, captions, questions,
answers and edits."""
