# Made by sovitc for search "flagship" of plan "so400m". Change the plan, not this file.

import ml_collections as mlc


def get_config():
  config = mlc.ConfigDict()

  # 427680704 parameters, 220353896448 forward FLOPs for one image of
  # 224 x 224 pixels and 3 channels.
  config.model_name = "vit"
  config.model = dict(
      width=1152,
      depth=27,
      mlp_dim=4304,
      num_heads=16,
      patch_size=(14, 14),
      posemb="learn",
      pool_type="map",
      rep_size=False,
  )
  config.num_classes = 0  # No classifier.

  # What budget "vit_g" pays for at this shape; the trainer divides by `config.input.batch_size`.
  config.total_examples = 38755838392

  # The recipe is yours to add: `config.input` (data, batch size and a preprocessing that ends at
  # 224 x 224 pixels), `config.loss`, the optimiser with its
  # learning rate, weight decay and schedule, and the evaluators.
  return config
