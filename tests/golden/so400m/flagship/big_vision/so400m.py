# Made by sovitc for search "flagship" of plan "so400m". Change the plan, not this file.
# Tested with ml-collections 1.1.0.

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

  # big_vision takes the size of images from the data; this tells who reads the file or its run back.
  config.image_size = 224

  # What budget "vit_g" pays for at this shape; the trainer divides by `config.input.batch_size`.
  config.total_examples = 38755838392

  # The recipe is yours to add: `config.input` (data, batch size and a preprocessing that ends at
  # 224 x 224 pixels), `config.loss`, the optimiser with its
  # learning rate, weight decay and schedule, and the evaluators.
  return config
