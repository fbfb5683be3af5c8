// What the released checkpoint is, as far as it can be known without having it: its numbers, and the ids that its tokenizer gives.

/** config.json of Alpha-VLLM/Lumina-DiMOO, the numbers that say which model it is. */
export const RELEASED = {
  d_model: 4096,
  n_layers: 32,
  n_heads: 32,
  n_kv_heads: 32,
  mlp_hidden_size: 12_288,
  embedding_size: 134_548,
  mask_token_id: 126_336,
} as const

/** vqvae/config.json. */
export const RELEASED_VQ = {
  block_out_channels: [128, 256, 256, 512, 768],
  layers_per_block: 2,
  latent_channels: 64,
  num_vq_embeddings: 8192,
} as const

/** Token roles of its tokenizer. */
export const RELEASED_ROLES: Readonly<Record<string, number>> = {
  '<system>': 126_332,
  '</system>': 126_333,
  '<user>': 126_334,
  '</user>': 126_335,
  '<|mdm_mask|>': 126_336,
  '<|reserved_token_0|>': 126_084,
  '<|endoftext|>': 126_081,
  '<IMAGE>': 126_349,
  '</IMAGE>': 126_350,
  '<uncondition>': 126_351,
  '<answer>': 126_354,
  '</answer>': 126_355,
}

/** The unconditional prompt of a picture, in words and ids. */
export const KNOWN_TEXT = '<system>Generate an image according to the text prompt.</system><user><uncondition></user>'
export const KNOWN_IDS = [126332, 36289, 289, 3972, 4631, 297, 268, 3019, 12166, 13, 126333, 126334, 126351, 126335] as const
