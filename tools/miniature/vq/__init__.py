"""The image tokenizer: a VQModel in the released layout whose encoder sees one cell at a time, a codebook of cells, a trained decoder."""
